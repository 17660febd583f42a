"""Requests per minute: exactly so many, in fixed and in sliding windows."""

import pytest

from services.auth.domain.limiter import Limiter
from services.auth.domain.limiter.windows import WindowKind
from shared.schemas.limits import Quota
from tests.unit.auth.limiter.driven import START, Driven

KEY = Quota("key\x1fa", rpm=100)
TEAM = Quota("team\x1fx", rpm=3)


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_exactly_the_limit_passes_at_once(window: str) -> None:
    """Of a thousand questions in one turn, a hundred pass."""
    driven = Driven(window)
    driven.turn(*(driven.ask(KEY) for _ in range(1000)))
    passed = [verdict for verdict in driven.verdicts.values() if verdict.refusal is None]
    assert (len(driven.verdicts), len(passed)) == (1000, 100)


@pytest.mark.parametrize("window", ["sliding", "fixed"])
def test_each_of_ten_windows_holds_exactly_the_limit(window: str) -> None:
    """1,000 at once on both sides of each boundary: 100 in every window, whoever decides by then."""
    driven, passed = Driven(window), []
    for _ in range(10):
        # The second burst comes in the last moment of the window, the next one's first right behind it.
        for until_next in (59.5, 0.5):
            asks = [driven.ask(KEY) for _ in range(1000)]
            driven.turn(*asks)
            passed += [driven.now for ask in asks if driven.verdicts[ask.id].refusal is None]
            driven.sleep(until_next)
        driven.limiter, driven.standby = driven.standby, driven.limiter
    assert passed == [START + 60.0 * number for number in range(10) for _ in range(100)]


def test_a_fixed_window_is_the_minute_of_the_clock() -> None:
    """A burst at the end of a minute and one at its begin both pass: up to twice the limit in a moment."""
    driven = Driven("fixed")
    driven.sleep(59.9)
    last = [driven.passes(driven.ask(TEAM)) for _ in range(4)]
    driven.sleep(0.1)
    first = [driven.passes(driven.ask(TEAM)) for _ in range(4)]
    assert (last, first) == ([True, True, True, False], [True, True, True, False])


def test_a_sliding_window_knows_no_boundary() -> None:
    """After a burst nothing passes for 60 s, whatever the clock says, and then everything does."""
    driven = Driven("sliding")
    driven.sleep(59.9)
    burst = [driven.passes(driven.ask(TEAM)) for _ in range(3)]
    refused = []
    for _ in range(59):
        driven.sleep(1.0)
        refused.append(driven.passes(driven.ask(TEAM)))
    driven.sleep(1.0)
    again = [driven.passes(driven.ask(TEAM)) for _ in range(4)]
    assert (all(burst), any(refused), again) == (True, False, [True, True, True, False])


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_the_stated_wait_is_right(window: str) -> None:
    """A client that is alone and waits as told gets through; one that comes clearly earlier does not."""
    driven = Driven(window)
    driven.sleep(13.7)
    for _ in range(3):
        driven.passes(driven.ask(TEAM))
        driven.sleep(0.9)
    refusal = driven.try_(driven.ask(TEAM))
    assert refusal is not None
    assert refusal.retry_after is not None
    driven.sleep(refusal.retry_after - 0.01)
    assert not driven.passes(driven.ask(TEAM))
    driven.sleep(0.01)
    assert driven.passes(driven.ask(TEAM))


def test_all_or_nothing() -> None:
    """A request that the team refuses is not counted for its key."""
    driven = Driven()
    for _ in range(10):
        driven.turn(driven.ask(KEY, TEAM))
    room = driven.turn(driven.ask(KEY)).verdicts[0].requests
    assert room is not None
    assert room.remaining == 100 - 3 - 1


def test_the_refusal_names_the_scope_that_holds_longest() -> None:
    """Of two limits in the way, the one that is free later is named, since its wait gets past both."""
    driven = Driven()
    driven.turn(driven.ask(Quota("a", rpm=1)))
    driven.sleep(30)
    driven.turn(driven.ask(Quota("b", rpm=1)))
    refusal = driven.try_(driven.ask(Quota("a", rpm=1), Quota("b", rpm=1)))
    assert refusal is not None
    assert (refusal.scope, refusal.measure, refusal.limit, refusal.used) == ("b", "requests", 1, 1)


def test_zero_lets_nothing_through() -> None:
    """A limit of 0 refuses, and waiting does not help."""
    driven = Driven()
    refusal = driven.try_(driven.ask(Quota("a", rpm=0), wait=10))
    assert refusal is not None
    assert refusal.retry_after is None


def test_a_raised_limit_counts_from_the_next_question() -> None:
    """What holds is what the question says."""
    driven = Driven()
    driven.turn(*(driven.ask(TEAM) for _ in range(4)))
    raised = [driven.passes(driven.ask(Quota(TEAM.scope, rpm=5))) for _ in range(3)]
    assert raised == [True, True, False]


def test_a_repeated_question_takes_nothing_twice() -> None:
    """The same id gets the same verdict: while it runs, after its end, and where it was refused."""
    driven = Driven()
    ask = driven.ask(TEAM)
    driven.turn(ask, ask)
    driven.turn(ask)
    driven.end(ask)
    driven.tick(100)
    assert driven.passes(ask)
    room = driven.turn(driven.ask(Quota(TEAM.scope, rpm=4))).verdicts[0].requests
    assert room is not None
    assert room.remaining == 3
    driven.turn(*(driven.ask(TEAM) for _ in range(3)))
    refused = next(id for id, verdict in driven.verdicts.items() if verdict.refusal)
    assert not driven.passes(driven.ask(Quota(TEAM.scope, rpm=50), id=refused))


def test_a_clock_that_runs_back_frees_nothing() -> None:
    """A new limiter whose clock is behind lets time stand still until it has caught up."""
    driven = Driven("fixed")
    driven.turn(*(driven.ask(TEAM) for _ in range(3)))
    driven.sleep(-5)
    refused = driven.passes(driven.ask(TEAM))
    driven.sleep(65)
    assert (refused, driven.passes(driven.ask(TEAM))) == (False, True)


def test_rooms_are_the_tightest() -> None:
    """The verdict tells the limit with the least room, and when it has its whole room again."""
    driven = Driven("fixed")
    driven.sleep(20)
    room = driven.turn(driven.ask(KEY, TEAM)).verdicts[0].requests
    assert room is not None
    assert (room.limit, room.remaining, room.reset) == (3, 2, 40.0)


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_windows_may_be_shorter_than_a_minute(window: WindowKind) -> None:
    """What holds for a minute holds for as many seconds as the operator chose."""
    driven = Driven()
    driven.limiter = Limiter(window, 2)
    for _ in range(10):
        assert [driven.passes(driven.ask(TEAM)) for _ in range(4)] == [True, True, True, False]
        driven.sleep(1.99)
        refusal = driven.try_(driven.ask(TEAM))
        assert refusal is not None
        assert refusal.retry_after == pytest.approx(0.01)
        driven.sleep(refusal.retry_after)
