"""What follows a failed attempt."""

import pytest

from services.router.domain.retries import Next, after
from shared.errors import BrokenStream, ProviderError, ProviderTimeout, ProviderUnreachable


@pytest.mark.parametrize(
    ("error", "following"),
    [
        (ProviderError("bad request", status=400), Next.GIVE_UP),
        (ProviderError("unprocessable", status=422), Next.GIVE_UP),
        (ProviderError("rate limit", status=429), Next.ELSEWHERE),
        (ProviderError("bad credential", status=401), Next.ELSEWHERE),
        (ProviderError("fault", status=500), Next.ANYWHERE),
        (ProviderError("overloaded", status=529), Next.ANYWHERE),
        (ProviderTimeout("too slow"), Next.ELSEWHERE),
        (BrokenStream("cut"), Next.ANYWHERE),
        (ProviderUnreachable("nobody there", status=504), Next.ANYWHERE),
    ],
)
def test_a_failure_says_what_may_follow(error: ProviderError, following: Next) -> None:
    """The caller's faults end the request, a deployment's faults lead elsewhere."""
    assert after(error) is following
