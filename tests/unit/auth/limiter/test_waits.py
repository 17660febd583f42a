"""The wait that a refusal states is right."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.schemas.limits import Quota, Released, Settled
from tests.unit.auth.limiter.driven import Driven

LIMITS = st.integers(1, 4) | st.none()
QUOTAS = st.builds(
    lambda rpm, tpm: (Quota("key", rpm=rpm, tpm=tpm and tpm * 50), Quota("team", rpm=rpm and rpm + 1)), LIMITS, LIMITS
)
PAST = st.lists(st.tuples(QUOTAS, st.integers(0, 300), st.integers(0, 300), st.floats(0, 30)), min_size=1, max_size=12)


@settings(deadline=None)
@given(st.sampled_from(["fixed", "sliding"]), PAST, QUOTAS, st.integers(0, 300))
def test_a_client_that_is_alone_and_waits_gets_through(
    window: str, past: list[tuple[tuple[Quota, ...], int, int, float]], quotas: tuple[Quota, ...], tokens: int
) -> None:
    """Whatever was used before, and whatever it asks for."""
    driven = Driven(window)
    for before, estimate, real, pause in past:
        ask = driven.ask(*before, tokens=estimate)
        driven.turn(ask)
        driven.turn(Settled(ask.id, real, 0), Released(ask.id, True))
        driven.sleep(pause)
    refusal = driven.try_(driven.ask(*quotas, tokens=tokens))
    assume(refusal is not None)
    assert refusal is not None
    assert refusal.retry_after is not None
    assert refusal.retry_after <= 60
    driven.sleep(refusal.retry_after)
    assert driven.passes(driven.ask(*quotas, tokens=tokens))


def test_a_request_without_tokens_waits_for_less_than_the_limit() -> None:
    """It is refused while the limit is reached, so it waits for one token more to be free."""
    driven = Driven()
    quota = Quota("key", tpm=10)
    for real in (5, 10):
        ask = driven.ask(quota, tokens=0)
        driven.turn(ask)
        driven.sleep(1)
        driven.turn(Settled(ask.id, real, 0))
    refusal = driven.try_(driven.ask(quota))
    assert refusal is not None
    driven.sleep(refusal.retry_after or 0)
    assert driven.passes(driven.ask(quota))
