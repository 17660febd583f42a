"""Tokens per minute: estimated at admission, set right at the end."""

import pytest

from shared.schemas.limits import Quota, Released, Settled
from tests.unit.auth.limiter.driven import Driven

KEY = Quota("key\x1fa", tpm=1000)


def test_a_refused_large_request_leaves_room_for_a_small_one() -> None:
    """Ten thousand tokens are refused, and ten that fit pass."""
    driven = Driven()
    assert driven.passes(driven.ask(KEY, tokens=900))
    assert not driven.passes(driven.ask(KEY, tokens=10_000))
    assert driven.passes(driven.ask(KEY, tokens=10))


def test_a_request_above_the_whole_limit_passes_an_empty_window_alone() -> None:
    """Otherwise it could never pass; the window is full then until it is over."""
    driven = Driven("fixed")
    assert driven.passes(driven.ask(KEY, tokens=5000))
    refusal = driven.try_(driven.ask(KEY, tokens=1))
    assert refusal is not None
    assert (refusal.measure, refusal.used, refusal.retry_after) == ("tokens", 5000, 60.0)
    driven.sleep(60)
    assert driven.passes(driven.ask(KEY, tokens=1))
    refusal = driven.try_(driven.ask(KEY, tokens=5000))
    assert refusal is not None
    assert refusal.retry_after is not None
    driven.sleep(refusal.retry_after)
    assert driven.passes(driven.ask(KEY, tokens=5000))


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_real_tokens_replace_the_estimate(window: str) -> None:
    """In the window in which they were estimated."""
    driven = Driven(window)
    ask = driven.ask(KEY, tokens=900)
    driven.turn(ask)
    driven.sleep(10)
    driven.turn(Settled(ask.id, 100, 0))
    room = driven.turn(driven.ask(KEY, tokens=50)).verdicts[0].tokens
    assert room is not None
    assert room.remaining == 850


def test_tokens_of_a_window_that_is_over_change_nothing() -> None:
    """A long request is set right where it was counted, not in the minute in which it ends."""
    driven = Driven("fixed")
    ask = driven.ask(KEY, tokens=900)
    driven.turn(ask)
    driven.sleep(61)
    driven.turn(Settled(ask.id, 5000, 0), Released(ask.id, True))
    assert driven.passes(driven.ask(KEY, tokens=1000))


def test_a_request_that_was_not_sent_gives_its_tokens_back() -> None:
    """It used none."""
    driven = Driven()
    ask = driven.ask(KEY, tokens=900)
    driven.turn(ask)
    driven.turn(Released(ask.id, False))
    assert driven.passes(driven.ask(KEY, tokens=900))


def test_more_tokens_than_estimated_fill_the_window() -> None:
    """Then even a request without an estimate is refused."""
    driven = Driven()
    ask = driven.ask(KEY, tokens=10)
    driven.turn(ask)
    driven.end(ask, tokens=1000)
    assert not driven.passes(driven.ask(KEY, tokens=0))


def test_the_stated_wait_is_right_for_the_tokens_asked_for() -> None:
    """Few tokens may come earlier than many."""
    driven = Driven("sliding")
    for _ in range(10):
        driven.turn(driven.ask(KEY, tokens=100))
        driven.sleep(1)
    few = driven.try_(driven.ask(KEY, tokens=50))
    many = driven.try_(driven.ask(KEY, tokens=450))
    assert few is not None
    assert many is not None
    assert (round(few.retry_after or 0), round(many.retry_after or 0)) == (50, 54)
    driven.sleep(many.retry_after or 0)
    assert driven.passes(driven.ask(KEY, tokens=450))
