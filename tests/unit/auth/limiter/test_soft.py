"""Soft budgets: when the limiter finds out that one is spent, and that it tells it once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.limiter import Limiter
from services.auth.limiter.announcing import event_of
from shared.schemas.limits import Quota
from shared.schemas.scopes import Scope, member_id, of_model
from tests.unit.auth.limiter.driven import START, Driven

TEAM = "team\x1fx"
SOFT = Quota(TEAM, soft=500)


def told(driven: Driven) -> list[tuple[float, int, int]]:
    """Return what was told so far: period, soft budget, spent."""
    return [(found.since, found.soft, found.spent) for found in driven.reached]


def known(quota: Quota = SOFT, spent: int = 0) -> Driven:
    """Return a limiter that has read what the scope spent."""
    driven = Driven()
    ask = driven.ask(quota)
    driven.turn(ask)
    driven.load(TEAM, spent, quota.since)
    driven.sleep(20)
    driven.end(ask)
    return driven


def spend(driven: Driven, quota: Quota, cost: int) -> None:
    """Let one request of this cost begin and end."""
    ask = driven.ask(quota, cost=cost)
    assert driven.passes(ask)
    driven.end(ask, cost=cost)


def test_it_is_told_once_when_the_settlement_comes() -> None:
    """The request that reaches the sum is enough; those after it tell nothing more."""
    driven = known()
    spend(driven, SOFT, 499)
    assert told(driven) == []
    spend(driven, SOFT, 1)
    assert told(driven) == [(0.0, 500, 500)]
    spend(driven, SOFT, 700)
    assert len(told(driven)) == 1


def test_a_reading_of_the_ledger_may_tell_it() -> None:
    """What was spent before anybody asked counts too, whether the sum stands alone or beside a budget."""
    for quota in (SOFT, Quota(TEAM, soft=500, budget=1000)):
        driven = Driven()
        driven.turn(driven.ask(quota))
        driven.load(TEAM, 600)
        assert told(driven) == [(0.0, 500, 600)]


def test_each_period_has_its_own() -> None:
    """A new period tells it again, a request of the one before does not."""
    first = Quota(TEAM, soft=500, since=START, until=START + 60)
    second = Quota(TEAM, soft=500, since=START + 60, until=START + 120)
    driven = known(first)
    spend(driven, first, 600)
    driven.sleep(60)
    spend(driven, second, 400)
    assert told(driven) == [(START, 500, 600)]
    driven.turn(driven.ask(first))
    spend(driven, second, 400)
    assert told(driven)[1:] == [(START + 60, 500, 800)]


def test_a_changed_sum_is_another_one() -> None:
    """Raised, it is told when it is reached; lowered below what is spent, at the next question."""
    driven = known()
    spend(driven, SOFT, 600)
    raised, lowered = Quota(TEAM, soft=700), Quota(TEAM, soft=300)
    spend(driven, raised, 50)
    assert len(told(driven)) == 1
    spend(driven, raised, 50)
    driven.turn(driven.ask(lowered))
    assert told(driven) == [(0.0, 500, 600), (0.0, 700, 700), (0.0, 300, 700)]


def test_a_refused_request_tells_it_to_a_limiter_that_took_over() -> None:
    """A stand-by knows nothing of soft budgets; the first question that it is asked says all."""
    both = Quota(TEAM, soft=500, budget=800)
    driven = known(both)
    spend(driven, both, 900)
    assert len(told(driven)) == 1
    driven.limiter, driven.standby = driven.standby, Limiter()
    assert not driven.passes(driven.ask(both))
    again = driven.reached[1]
    assert event_of(again).id == event_of(driven.reached[0]).id


def test_an_event_names_its_scope() -> None:
    """In the words of a completion, so that whoever alerts knows whom to tell."""
    member = Scope("member", member_id("t", "u"))
    driven = Driven()
    for scope in (member, Scope("customer", "c"), of_model(member, "gpt")):
        quota = Quota(scope.text, soft=1)
        driven.turn(driven.ask(quota))
        driven.load(scope.text, 2)
    found = [event_of(reached) for reached in driven.reached]
    assert [(event.scope, event.team, event.user, event.end_user, event.model_group) for event in found] == [
        ("member", "t", "u", "", ""),
        ("customer", "", "", "c", ""),
        ("member_model", "t", "u", "", "gpt"),
    ]
    assert {(event.soft_budget, event.spent, event.since) for event in found} == {(1, 2, 0.0)}


@given(costs=st.lists(st.integers(0, 300), max_size=12), soft=st.integers(0, 1000))
def test_it_is_told_exactly_where_the_sum_crosses(costs: list[int], soft: int) -> None:
    """Whatever is spent in whatever steps, it is told at the step that reaches it, and at no other."""
    quota = Quota(TEAM, soft=soft)
    driven = known(quota)
    sums = [0]
    for cost in costs:
        spend(driven, quota, cost)
        sums.append(sums[-1] + cost)
    crossings = [after for before, after in pairwise([-1, *sums]) if before < soft <= after]
    assert told(driven) == [(0.0, soft, after) for after in crossings]
