"""Questions that are no questions: they are answered so, change nothing, and stand in nobody's way."""

import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.auth.domain.limiter.draft import Draft
from services.auth.domain.limiter.guarding import Step
from services.auth.domain.limiter.soundness import LONGEST_ID, MOST, is_sound, is_sound_end, is_sound_use
from shared.schemas.limits import Ask, Quota, Released, Settled
from shared.settings.models import LONGEST_NAME
from tests.unit.auth.limiter.driven import Driven, picture

KEY = Quota("key\x1fk", rpm=5, tpm=100, parallel=3, budget=1000)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.integers(-2, 2000) | st.sampled_from([MOST, MOST + 1])
TIMES = st.floats() | st.floats(0, 2e9)
IDS = st.text(max_size=5) | st.sampled_from(["r1", "r2", "x" * 3000])
SCOPES = st.sampled_from([KEY.scope, "user\x1fu", "customer\x1f\U0001f6e3", "key", "", "nobody\x1fx", "key\x1f"])
LIMITS = NUMBERS | st.none()
QUOTAS = st.builds(Quota, SCOPES, LIMITS, LIMITS, LIMITS, LIMITS, LIMITS, TIMES, TIMES)
ASKS = st.builds(Ask, IDS, IDS, TIMES, st.lists(QUOTAS, max_size=3).map(tuple), NUMBERS, NUMBERS, TIMES, IDS)
NEWS = st.builds(Settled, IDS, NUMBERS, NUMBERS, TIMES) | st.builds(Released, IDS, st.booleans())
encode = msgspec.json.Encoder().encode


@settings(deadline=None)
@given(st.lists(st.lists(ASKS | NEWS, max_size=5), max_size=4), st.integers(0, 2**53))
def test_whatever_a_message_may_hold_is_decided_or_turned_away(turns: list[list[Any]], spent: int) -> None:
    """Nothing that is taken for sound breaks the tables, the journal, or a stand-by."""
    driven = Driven()
    for items in turns:
        asks = [item for item in items if isinstance(item, Ask) and is_sound(item)]
        settled = [item for item in items if isinstance(item, Settled) and is_sound_use(item)]
        released = [item for item in items if isinstance(item, Released) and is_sound_end(item)]
        encode(driven.turn(*asks, *settled, *released).record)
        for scope, since in driven.needed:
            encode(driven.load(scope, spent, since).record)
        driven.needed.clear()
        encode(driven.tick(1.0).record)
        encode(list(driven.verdicts.values()))
    encode(list(driven.limiter.snapshot()))
    assert picture(driven.standby, driven.now) == picture(driven.limiter, driven.now)


@pytest.mark.parametrize(
    "ask",
    [
        Ask("", "edge.1", 1.0, (KEY,)),
        Ask("r", "edge.1", float("inf"), (KEY,)),
        Ask("r", "edge.1", 1.0, (KEY,), tokens=-1),
        Ask("r", "edge.1", 1.0, (KEY,), cost=MOST + 1),
        Ask("r", "edge.1", 1.0, (Quota("k", rpm=1),)),
        Ask("r", "edge.1", 1.0, (Quota("nobody\x1fk", rpm=1),)),
        Ask("r", "edge.1", 1.0, (KEY, Quota("key\x1fk", budget=1, since=float("nan")))),
    ],
)
def test_what_cannot_be_counted_with_is_not_sound(ask: Ask) -> None:
    """Without an id, without end, negative, larger than anything, or of a scope that is none."""
    assert not is_sound(ask)
    assert is_sound(Ask("r", "edge.1", 1.0, (KEY,), tokens=1, cost=1))


def test_the_longest_attempt_of_a_model_is_sound() -> None:
    """Of the request's id, its epoch and number, and a deployment's id that is made of the longest group's name."""
    id = f"{uuid.uuid4()}-{10**9}-{10**6}@{'x' * LONGEST_NAME}-{10**6}"
    assert is_sound(Ask(id, "router.1", 1.0, (KEY,)))
    assert not is_sound(Ask("x" * (LONGEST_ID + 1), "router.1", 1.0, (KEY,)))


def test_a_question_that_fails_is_the_only_one() -> None:
    """A guard keeps the fault of one from the others of its turn; nothing has changed by it."""
    driven = Driven()
    driven.limiter.guard(guard)
    poison = driven.ask(Quota("key\x1fk", rpm="many"))  # type: ignore[arg-type]
    before = [driven.ask(Quota("key\x1fk", rpm=3)) for _ in range(2)]
    after = [driven.ask(Quota("key\x1fk", rpm=3)) for _ in range(2)]
    driven.turn(*before, poison, *after)
    assert driven.verdicts[poison.id].failed
    assert driven.limiter.intact
    told = [driven.verdicts[ask.id].refusal is None for ask in (*before, *after)]
    assert told == [True, True, True, False]
    assert picture(driven.standby, driven.now) == picture(driven.limiter, driven.now)


def guard(step: Step, ask: Ask, patience: float, draft: Draft, line: str) -> bool | None:
    """Let faults of type pass for none."""
    try:
        return step(ask, patience, draft, line)
    except TypeError:
        return None
