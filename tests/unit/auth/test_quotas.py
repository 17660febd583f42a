"""Which limits hold for a request."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.quotas import COUNTED, Rules, customer_plan, weigh
from shared.schemas.limits import Limits, ModelLimits, Quota, merged
from shared.schemas.scopes import Scope, member_id, of_model
from shared.store.budgets import BudgetRecord
from shared.store.people import CustomerRecord
from tests.unit.auth.making import RULES, key, member, organization, periods, standing, team, user


def text(kind: Any, id: str) -> str:
    """Return a scope as messages have it."""
    return Scope(kind, id).text


def budget(id: str, **limits: Any) -> BudgetRecord:
    """Return a budget that objects refer to."""
    return BudgetRecord(id, 0.0, Limits(**limits))


def test_a_caller_without_limits_has_no_quotas() -> None:
    """Nothing is computed for it either."""
    known = standing(key(user_id="u", team_id="t"), user=user(), team=team(), member=member())
    assert not known.plan
    assert known.plan.quotas("demo", 1.0) == ()


def test_each_scope_has_its_own_quota() -> None:
    """Key, user, team, member and organization, each by its id; a regenerated key by its first hash."""
    known = standing(
        key(account="first", user_id="u", team_id="t", limits=Limits(rpm=1)),
        user=user(limits=Limits(rpm=2)),
        team=team(organization_id="o", limits=Limits(tpm=3)),
        member=member(limits=Limits(parallel=4)),
        organization=organization(limits=Limits(max_budget=5)),
    )
    assert known.plan.quotas("demo", 1.0) == (
        Quota(text("key", "first"), rpm=1),
        Quota(text("user", "u"), rpm=2),
        Quota(text("team", "t"), tpm=3),
        Quota(text("member", member_id("t", "u")), parallel=4),
        Quota(text("organization", "o"), budget=5),
    )


def test_a_limit_of_nothing_is_a_limit() -> None:
    """0 lets nothing through; None is no limit."""
    assert standing(key(limits=Limits(rpm=0))).plan.quotas("m", 1.0) == (Quota(text("key", "h"), rpm=0),)


def test_models_within_a_scope_are_scopes_of_their_own() -> None:
    """A model's limits hold for that model, beside what holds for all."""
    limits = Limits(rpm=10, models={"big": ModelLimits(rpm=1, max_budget=7)})
    plan = standing(key(limits=limits)).plan
    of_key = Quota(text("key", "h"), rpm=10)
    assert plan.quotas("small", 1.0) == (of_key,)
    assert plan.quotas("big", 1.0) == (of_key, Quota(of_model(Scope("key", "h"), "big").text, rpm=1, budget=7))
    assert plan.by_model(1.0) == {"big": (Quota(of_model(Scope("key", "h"), "big").text, rpm=1, budget=7),)}
    alone = standing(key(limits=Limits(models={"big": ModelLimits(rpm=1)}))).plan
    assert (alone.by_model(1.0), standing(key()).plan.by_model(1.0)) == ({"big": alone.quotas("big", 1.0)}, {})
    assert alone.quotas("small", 1.0) == ()
    assert len(alone.quotas("big", 1.0)) == 1


def test_a_users_budget_is_for_its_own_keys() -> None:
    """As in LiteLLM it does not hold for keys of a team, unless the operator says so; its rates do."""
    limits = Limits(
        rpm=3, max_budget=5, soft_budget=4, models={"a": ModelLimits(max_budget=1), "b": ModelLimits(tpm=2)}
    )
    rich = user(limits=limits)
    own = standing(key(user_id="u"), user=rich).plan.quotas("a", 1.0)
    assert [(quota.rpm, quota.budget, quota.soft) for quota in own] == [(3, 5, 4), (None, 1, None)]
    of_team = standing(key(user_id="u", team_id="t"), user=rich, team=team()).plan
    counted = [(quota.rpm, quota.budget, quota.soft) for quota in of_team.quotas("a", 1.0)]
    assert counted == [(3, None, COUNTED), (None, None, COUNTED)]
    assert not weigh(of_team.quotas("a", 1.0))
    assert [quota.tpm for quota in of_team.quotas("b", 1.0)] == [None, 2]
    everywhere = standing(
        key(user_id="u", team_id="t"), rules=Rules(periods, user_budget_on_team_keys=True), user=rich, team=team()
    )
    assert everywhere.plan.quotas("a", 1.0) == own


def test_members_have_what_the_team_gives_to_each() -> None:
    """The membership's own limits win, field by field, also for a member whose place nobody made."""
    around = {"team": team(member_limits=Limits(rpm=5, max_budget=9))}
    id = text("member", member_id("t", "u"))
    plain = standing(key(user_id="u", team_id="t"), **around)
    assert plain.plan.quotas("m", 1.0) == (Quota(id, rpm=5, budget=9),)
    special = standing(key(user_id="u", team_id="t"), member=member(limits=Limits(max_budget=100)), **around)
    assert special.plan.quotas("m", 1.0) == (Quota(id, rpm=5, budget=100),)
    nobody = standing(key(team_id="t"), **around)
    assert nobody.plan.quotas("m", 1.0) == ()


def test_a_budget_by_id_gives_what_the_object_has_not() -> None:
    """It shares no money: each object has the whole of it. One that does not exist gives nothing."""
    shared = budget("b", rpm=7, max_budget=70, budget_duration="10s")
    known = standing(
        key(team_id="t", budget_id="b", limits=Limits(rpm=1)), team=team(budget_id="b"), budgets={"b": shared}
    )
    assert known.plan.quotas("m", 5.0) == (
        Quota(text("key", "h"), rpm=1, budget=70, since=0.0, until=10.0),
        Quota(text("team", "t"), rpm=7, budget=70, since=0.0, until=10.0),
    )
    assert not standing(key(budget_id="gone")).plan


def test_an_amount_and_its_period_stay_together() -> None:
    """An object's own budget without a period does not get the period of another amount."""
    own, further = Limits(max_budget=5), Limits(max_budget=9, budget_duration="1d", tpm=3)
    assert merged(own, further) == Limits(max_budget=5, tpm=3)
    assert merged(Limits(rpm=1), further) == Limits(rpm=1, max_budget=9, budget_duration="1d", tpm=3)


def test_periods_follow_each_other() -> None:
    """The quota stays the same object until its period ends, and begins anew then."""
    plan = standing(key(limits=Limits(max_budget=5, budget_duration="10s", budget_since=3.0))).plan
    first = plan.quotas("m", 4.0)
    assert (first[0].since, first[0].until) == (3.0, 13.0)
    assert plan.quotas("m", 12.9) is first
    second = plan.quotas("m", 13.0)
    assert (second[0].since, second[0].until) == (13.0, 23.0)


def test_a_temporary_increase_ends() -> None:
    """It adds to the budget until it expires, and is nothing without one."""
    plan = standing(key(limits=Limits(max_budget=5, extra_budget=3, extra_until=100.0))).plan
    assert [plan.quotas("m", now)[0].budget for now in (0.0, 99.9, 100.0, 1000.0)] == [8, 8, 5, 5]
    assert not standing(key(limits=Limits(extra_budget=3, extra_until=100.0))).plan


def test_a_soft_budget_has_a_period_too() -> None:
    """It is a quota, but nothing that makes a request's size matter."""
    plan = standing(key(limits=Limits(soft_budget=5, budget_duration="10s"))).plan
    quotas = plan.quotas("m", 1.0)
    assert quotas == (Quota(text("key", "h"), soft=5, since=0.0, until=10.0),)
    assert not weigh(quotas)


@pytest.mark.parametrize(
    ("record", "default", "expected"),
    [
        (None, None, ()),
        (None, budget("d", max_budget=9), (Quota(text("customer", "c"), budget=9),)),
        (CustomerRecord("c", 0.0), None, ()),
        (CustomerRecord("c", 0.0, limits=Limits(rpm=1)), None, (Quota(text("customer", "c"), rpm=1),)),
        (
            CustomerRecord("c", 0.0, limits=Limits(max_budget=1)),
            budget("d", max_budget=9, rpm=2),
            (Quota(text("customer", "c"), rpm=2, budget=1),),
        ),
    ],
)
def test_an_end_user_has_its_own_limits_or_those_of_all(
    record: CustomerRecord | None, default: BudgetRecord | None, expected: tuple[Quota, ...]
) -> None:
    """A budget for all end users holds for those whom nobody stored, too."""
    assert customer_plan("c", record, default, RULES).quotas("m", 1.0) == expected


AMOUNTS = st.none() | st.integers(0, 3)
LIMITS = st.builds(
    Limits, rpm=AMOUNTS, tpm=AMOUNTS, parallel=AMOUNTS, max_budget=AMOUNTS, soft_budget=AMOUNTS,
    budget_duration=st.sampled_from(["", "10s"]),
)  # fmt: skip


@given(LIMITS, LIMITS)
def test_merging_takes_nothing_away(own: Limits, further: Limits) -> None:
    """What an object states holds as it states it; what either states is limited."""
    both = merged(own, further)
    for name in ("rpm", "tpm", "parallel", "max_budget", "soft_budget"):
        mine, theirs = getattr(own, name), getattr(further, name)
        assert getattr(both, name) == (mine if mine is not None else theirs)
    assert merged(own, Limits()) == own
    assert merged(both, further) == both


@given(LIMITS, LIMITS, st.floats(0, 1e6))
def test_every_limit_is_in_a_quota(of_key: Limits, of_team: Limits, now: float) -> None:
    """No scope with a limit is forgotten, none without one is asked about."""
    known = standing(key(team_id="t", limits=of_key), team=team(limits=of_team))
    quotas = {quota.scope: quota for quota in known.plan.quotas("m", now)}
    for scope, limits in ((text("key", "h"), of_key), (text("team", "t"), of_team)):
        facts = (limits.rpm, limits.tpm, limits.parallel, limits.max_budget, limits.soft_budget)
        if all(fact is None for fact in facts):
            assert scope not in quotas
        else:
            quota = quotas[scope]
            assert (quota.rpm, quota.tpm, quota.parallel, quota.budget, quota.soft) == facts
            assert quota.until == 0 or quota.since <= now < quota.until
    assert msgspec.json.encode(list(quotas.values()))


def test_a_period_that_nobody_can_tell_never_ends() -> None:
    """A stored duration that is none does not make a budget begin anew, nor a request fail."""
    plan = standing(key(limits=Limits(max_budget=5, budget_duration="soon"))).plan
    assert plan.quotas("m", 1.0) == (Quota(text("key", "h"), budget=5),)
