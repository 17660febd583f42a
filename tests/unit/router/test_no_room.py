"""What a caller is told when no deployment has room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.refusals import NoRoom, no_room, soonest
from shared.schemas.limits import Refusal, Room, Verdict
from shared.schemas.scopes import Scope

WAIT = st.none() | st.floats(0.001, 60.0)


def refused(wait: float | None, kind: str = "deployment") -> NoRoom:
    """Return the refusal of a deployment or of the model group."""
    scope = Scope("model_group" if kind == "model_group" else "deployment", "secret-id")
    refusal = Refusal(scope.text, "requests", 10, 10, retry_after=wait)
    return no_room(refusal, Verdict("r", refusal, Room(10, 0, 2.5)))


def test_the_caller_learns_which_limit_and_when_but_no_id() -> None:
    """429 with the headers of clients' limits, and when to come again."""
    body = refused(2.2).to_body()
    assert (body.status, body.code, body.retry_after) == (429, "rate_limit_exceeded", 2.2)
    assert body.message == (
        "The limit of 10 requests per minute of what serves this model is reached. Try again in 3 s."
    )
    assert dict(body.headers) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "3s",
        "x-tollway-limit-scope": "deployment",
        "x-tollway-limit-measure": "requests",
    }


@given(st.lists(WAIT, min_size=1))
def test_the_first_that_has_room_again_is_what_counts(waits: list[float | None]) -> None:
    """One that never will have room counts only where all are such."""
    known = [wait for wait in waits if wait is not None]
    assert soonest([refused(wait) for wait in waits]).retry_after == (min(known) if known else None)


@given(st.lists(WAIT), WAIT)
def test_a_model_groups_own_limit_bars_every_deployment(waits: list[float | None], wait: float | None) -> None:
    """Whoever comes sooner, because a deployment has room then, is refused by the group."""
    errors = [*(refused(other) for other in waits), refused(wait, "model_group")]
    assert soonest(errors) is errors[-1]


def test_nobody_asks_for_the_soonest_of_none() -> None:
    """It is a fault of the caller's."""
    with pytest.raises(ValueError):
        soonest([])
