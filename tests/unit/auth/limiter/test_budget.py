"""Money: holds, settlements, periods, and the ledger from which a budget is read."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from shared.periods import period
from shared.schemas.limits import Quota, Released, Settled
from tests.unit.auth.limiter.driven import START, Driven, picture

TEAM = Quota("team\x1fx", budget=1000)


def known(*quotas: Quota) -> Driven:
    """Return a limiter that has read these budgets."""
    driven = Driven()
    driven.sleep(-10)
    for quota in quotas:
        ask = driven.ask(quota)
        driven.turn(ask)
        driven.load(quota.scope, since=quota.since)
        driven.turn(Released(ask.id, False))
    driven.sleep(10)
    return driven


def test_an_unknown_budget_is_read_before_anybody_is_admitted() -> None:
    """The question waits, the reading is asked for once, and its answer decides."""
    driven = Driven()
    first, second = driven.ask(TEAM), driven.ask(TEAM)
    waiting = driven.turn(first).waiting + driven.turn(second).waiting
    assert (waiting, driven.needed) == ([first.id, second.id], [("team\x1fx", 0.0)])
    driven.load("team\x1fx", spent=1000)
    refusal = driven.verdicts[first.id].refusal
    assert refusal is not None
    assert (refusal.measure, refusal.used, refusal.limit, refusal.held) == ("budget", 1000, 1000, 0)
    assert refusal.retry_after is None


def test_a_reading_is_asked_for_again() -> None:
    """As long as nobody answers; and those who wait are dropped without a verdict at their deadline."""
    driven = Driven()
    ask = driven.ask(TEAM, lasts=5)
    driven.turn(ask)
    assert driven.tick(2.1).needed == [("team\x1fx", 0.0)]
    assert driven.tick(3).verdicts == []
    assert driven.limiter.sizes()["waiting"] == 0


def test_a_first_request_over_a_tiny_budget_passes() -> None:
    """And a thousand at once overspend by one request's cost at most."""
    driven = known(TEAM)
    asks = [driven.ask(TEAM, cost=100) for _ in range(1000)]
    driven.turn(*asks)
    passed = [ask for ask in asks if driven.verdicts[ask.id].refusal is None]
    assert len(passed) == 10
    assert known(TEAM).passes(driven.ask(TEAM, cost=10**9))


def test_holds_alone_are_refused_for_a_moment() -> None:
    """Such a refusal says what is held, and when to come again; it is no exceeded budget."""
    driven = known(TEAM)
    big = driven.ask(TEAM, cost=5000)
    driven.turn(big)
    refusal = driven.try_(driven.ask(TEAM, cost=1))
    assert refusal is not None
    assert (refusal.used, refusal.held) == (0, 5000)
    assert refusal.retry_after is not None
    driven.end(big, cost=10)
    assert driven.passes(driven.ask(TEAM, cost=1))


def test_the_real_cost_replaces_the_hold_in_any_order() -> None:
    """Settled before or after the release, twice or once: it counts once."""
    driven = known(TEAM)
    first, second = driven.ask(TEAM, cost=500), driven.ask(TEAM, cost=400)
    driven.turn(first, second)
    driven.turn(Settled(first.id, 0, 300), Settled(first.id, 0, 300), Released(first.id, True))
    driven.turn(Released(second.id, True))
    driven.turn(Settled(second.id, 0, 700), Settled(first.id, 0, 300))
    refusal = driven.try_(driven.ask(TEAM))
    assert refusal is not None
    assert (refusal.used, refusal.held, driven.limiter.sizes()["holds"]) == (1000, 0, 0)


def test_what_was_not_sent_costs_nothing() -> None:
    """A request that no provider saw gives its hold back."""
    driven = known(TEAM)
    ask = driven.ask(TEAM, cost=5000)
    driven.turn(ask)
    driven.turn(Released(ask.id, False))
    assert driven.passes(driven.ask(TEAM))


def test_what_was_sent_stands_as_estimated_spend() -> None:
    """Released but not settled, or its owner died: the hold stays until the settlement comes."""
    driven = known(TEAM)
    sent, orphan = driven.ask(TEAM, cost=600), driven.ask(TEAM, cost=600, owner="edge.2")
    driven.turn(sent, orphan)
    driven.turn(Released(sent.id, True))
    driven.heard(driven.limiter.lost("edge.2", driven.now))
    refusal = driven.try_(driven.ask(TEAM))
    assert refusal is not None
    assert (refusal.used, refusal.held) == (0, 1200)
    driven.turn(Settled(sent.id, 0, 5), Settled(orphan.id, 0, 6))
    assert driven.passes(driven.ask(TEAM, cost=989))
    assert driven.limiter.sizes()["holds"] == 1


@pytest.mark.parametrize(("estimate", "counted"), [(5, 600), (700, 700)])
def test_an_estimate_counts_for_no_less_than_the_hold(estimate: int, counted: int) -> None:
    """A worker died: what the provider sold to it may be as much as was held."""
    driven = known(TEAM)
    sent = driven.ask(TEAM, cost=600)
    driven.turn(sent)
    driven.turn(Settled(sent.id, 0, estimate, estimated=True), Released(sent.id, True))
    assert spent(driven, TEAM.scope) == counted


def test_a_hold_that_nobody_settles_is_dropped_and_the_ledger_read() -> None:
    """Long after its deadline the ledger knows better than an estimate."""
    driven = known(TEAM)
    lost = driven.ask(TEAM, cost=5000, lasts=10)
    driven.turn(lost)
    driven.tick(50)
    assert driven.try_(driven.ask(TEAM)) is not None
    driven.load("team\x1fx")
    driven.tick(40)
    driven.needed.clear()
    assert driven.passes(driven.ask(TEAM, cost=1))
    assert driven.needed == [("team\x1fx", 0.0)]


def test_a_new_period_begins_at_nothing() -> None:
    """The next period needs no reading; what ends in it counts there, what ended before does not."""
    monday = Quota("team\x1fx", budget=1000, since=START, until=START + 100)
    tuesday = Quota("team\x1fx", budget=1000, since=START + 100, until=START + 200)
    driven = known(monday)
    old = driven.ask(monday, cost=2000)
    driven.turn(old)
    driven.sleep(101)
    refusal = driven.try_(driven.ask(tuesday, cost=10))
    assert refusal is not None
    assert (refusal.used, refusal.held) == (0, 2000)
    driven.turn(Settled(old.id, 0, 1500, START + 99), Released(old.id, True))
    late = driven.ask(tuesday, cost=10)
    assert driven.passes(late)
    driven.turn(Settled(late.id, 0, 1000, START + 101), Released(late.id, True))
    refusal = driven.try_(driven.ask(tuesday))
    assert refusal is not None
    assert (refusal.used, refusal.retry_after) == (1000, 99.001)


def test_a_settlement_opens_the_period_before_any_question() -> None:
    """What ended after the end of a period counts in the next one, before anybody asks there."""
    monday = Quota("team\x1fx", budget=1000, since=START, until=START + 100)
    tuesday = Quota("team\x1fx", budget=1000, since=START + 100, until=START + 200)
    driven = known(monday)
    ask = driven.ask(monday, cost=1)
    driven.turn(ask)
    driven.sleep(110)
    driven.turn(Settled(ask.id, 0, 1000, START + 109), Released(ask.id, True))
    refusal = driven.try_(driven.ask(tuesday))
    assert refusal is not None
    assert refusal.used == 1000


def test_another_kind_of_period_is_read_from_the_ledger() -> None:
    """When the operator makes a day's budget a month's, what the month holds is not known here."""
    day = Quota("team\x1fx", budget=1000, since=START - 50, until=START + 50)
    month = Quota("team\x1fx", budget=1000, since=START - 5000, until=START + 5000)
    driven = known(day)
    ask = driven.ask(month)
    driven.turn(ask)
    driven.load("team\x1fx", spent=900, since=START - 50)
    assert ask.id not in driven.verdicts
    driven.load("team\x1fx", spent=900, since=START - 5000)
    assert driven.verdicts[ask.id].refusal is None


def test_an_outdated_reading_is_ignored() -> None:
    """An answer that nobody waits for any more changes nothing."""
    driven = known(TEAM)
    driven.load("team\x1fx", spent=5000)
    assert driven.passes(driven.ask(TEAM))


def test_what_settles_during_a_reading_is_not_lost() -> None:
    """It may be in the sum or not: it is added, and the ledger is read again soon."""
    driven = known(TEAM)
    ask = driven.ask(TEAM, cost=10)
    driven.turn(ask)
    driven.tick(61)
    driven.needed.clear()
    driven.turn(driven.ask(TEAM))
    assert driven.needed == [("team\x1fx", 0.0)]
    driven.end(ask, cost=400)
    driven.load("team\x1fx", spent=600)
    refusal = driven.try_(driven.ask(TEAM))
    assert refusal is not None
    assert refusal.used == 1000
    driven.sleep(6)
    driven.turn(driven.ask(TEAM))
    driven.load("team\x1fx", spent=600)
    assert driven.passes(driven.ask(TEAM))


def test_what_the_ledger_already_had_is_not_counted_again() -> None:
    """A settlement that comes long after its event was stored finds its cost in the sum that was read."""
    driven = known(TEAM)
    ask = driven.ask(TEAM, cost=10)
    driven.turn(ask)
    driven.tick(61)
    driven.turn(driven.ask(TEAM))
    driven.load("team\x1fx", spent=990)
    driven.sleep(1)
    driven.turn(Settled(ask.id, 0, 990, START + 1), Released(ask.id, True))
    assert driven.passes(driven.ask(TEAM))


def test_a_settlement_of_nobody_makes_the_ledger_be_read() -> None:
    """A limiter that was rebuilt without its journal hears of a request that it never admitted."""
    driven = known(TEAM)
    driven.sleep(10)
    driven.turn(Settled("from.before", 0, 700))
    driven.needed.clear()
    driven.turn(driven.ask(TEAM))
    assert driven.needed == [("team\x1fx", 0.0)]


def test_soft_budgets_are_said_and_refuse_nothing() -> None:
    """Past the soft budget the verdict names the scope; a reading of it holds nobody up."""
    driven = Driven()
    soft = Quota("team\x1fx", soft=500)
    ask = driven.ask(soft, cost=600)
    assert driven.passes(ask)
    driven.load("team\x1fx", spent=100)
    driven.sleep(20)
    driven.end(ask, cost=600)
    assert driven.turn(driven.ask(soft)).verdicts[0].soft == ("team\x1fx",)


def test_a_budget_resets_at_midnight_though_the_clocks_change() -> None:
    """The day has 23 hours: what was spent before midnight counts until then, and nothing of it after."""
    zone = "Europe/Berlin"
    midnight = datetime(2027, 3, 28, tzinfo=ZoneInfo(zone)).timestamp()

    def today() -> Quota:
        since, until = period("1d", 0.0, driven.now, zone)
        return Quota("team\x1fx", budget=1000, since=since, until=until)

    driven = Driven()
    driven.now = midnight + 60
    first = driven.ask(today(), lasts=30 * 3600)
    driven.turn(first)
    driven.load("team\x1fx", since=midnight)
    driven.sleep(60)
    driven.end(first, cost=1000)
    driven.sleep(23 * 3600 - 121)
    assert not driven.passes(driven.ask(today()))
    driven.sleep(2)
    assert driven.passes(driven.ask(today()))


def test_a_temporary_increase_is_a_larger_budget() -> None:
    """The limit is what the question says."""
    driven = known(TEAM)
    ask = driven.ask(TEAM)
    driven.turn(ask)
    driven.end(ask, cost=1000)
    assert not driven.passes(driven.ask(TEAM))
    assert driven.passes(driven.ask(Quota("team\x1fx", budget=2000)))


def test_who_waits_for_a_period_that_is_over_goes_on_in_the_next() -> None:
    """A reading that comes too late for its period keeps nobody waiting."""
    day = Quota("team\x1fx", budget=1000, since=START - 100, until=START + 10)
    week = Quota("team\x1fx", budget=1000, since=START - 500, until=START + 500)
    next_day = Quota("team\x1fx", budget=1000, since=START + 10, until=START + 110)
    driven = known(week)
    late = driven.ask(day)
    driven.turn(late)
    driven.sleep(11)
    first = driven.ask(next_day)
    driven.turn(first)
    driven.load("team\x1fx", since=START + 10)
    assert (driven.verdicts[late.id].refusal, driven.verdicts[first.id].refusal) == (None, None)


@pytest.mark.parametrize("over", [True, False])
def test_an_estimate_gives_way_to_the_real_use(over: bool) -> None:
    """Whoever was taken for dead was not: the budget is read anew once its event came, and the estimate is gone."""
    driven = Driven()
    quota = Quota("key\x1fk", budget=1000)
    ask = driven.ask(quota, cost=500)
    driven.turn(ask)
    driven.load(quota.scope)
    driven.needed.clear()
    driven.sleep(1)
    estimate = Settled(ask.id, 0, 900, estimated=True)
    driven.turn(estimate, *([Released(ask.id, True)] if over else []))
    driven.sleep(10)
    driven.turn(estimate)
    assert driven.passes(driven.ask(quota, id="second"))
    driven.turn(Released("second", False))
    assert driven.needed == []
    driven.turn(Settled(ask.id, 0, 100))
    assert driven.passes(driven.ask(quota))
    assert [needed.scope for needed in driven.needed] == [quota.scope]
    driven.load(quota.scope, 100)
    assert spent(driven, quota.scope) == 100
    assert picture(driven.standby, driven.now) == picture(driven.limiter, driven.now)


def spent(driven: Driven, scope: str) -> int:
    """Return what a scope has spent, as the limiter knows it."""
    entry = picture(driven.limiter, driven.now)["scopes"][scope]  # type: ignore[index]
    return int(entry.purse.spent)
