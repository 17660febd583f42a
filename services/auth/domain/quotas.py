"""Which limits hold for a request: those of its key, user, team, member, organization and customer, now."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

import msgspec

from services.auth.domain.surroundings import Surroundings
from shared.schemas.limits import Limits, ModelLimits, Quota, merged
from shared.schemas.scopes import Scope, ScopeKind, of_model, scopes_of
from shared.store.budgets import BudgetRecord
from shared.store.keys import KeyRecord
from shared.store.people import CustomerRecord, MembershipRecord, TeamRecord

NO_LIMITS = Limits()

COUNTED = 10**18
"""A soft budget that nobody reaches: money is counted as the ledger counts it, and nothing is refused or said."""

Period = Callable[[str, float, float], tuple[float, float]]
"""From a duration, the moment that the first period began and now: when the current one began, and when it ends.

Raises `ValueError` for what is no duration.
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided for everybody."""

    period: Period
    user_budget_on_team_keys: bool = False
    """True where a user's own budget holds for keys of a team, too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The scopes in which a caller's requests are limited, and how. It changes only when a record does."""

    scopes: tuple[tuple[Scope, Limits], ...]
    period: Period
    _models: frozenset[str] = frozenset()
    """Those with limits of their own somewhere."""
    _known: dict[str, tuple[float, tuple[Quota, ...]]] = field(default_factory=dict, compare=False)
    """By model with limits of its own, or the empty name: the quotas, and until when they hold."""

    def __bool__(self) -> bool:
        return bool(self.scopes)

    def quotas(self, model: str, now: float) -> tuple[Quota, ...]:
        """Return what holds at `now` (Unix seconds) for a model group; the same object as long as nothing moves."""
        name = model if model in self._models else ""
        known = self._known.get(name)
        if known is None or now >= known[0]:
            known = self._known[name] = self._at(name, now)
        return known[1]

    def by_model(self, now: float) -> dict[str, tuple[Quota, ...]]:
        """Return what holds beside `quotas("", now)` for each model with limits of its own."""
        common = {quota.scope for quota in self.quotas("", now)}
        return {
            model: tuple(quota for quota in self.quotas(model, now) if quota.scope not in common)
            for model in self._models
        }

    def _at(self, model: str, now: float) -> tuple[float, tuple[Quota, ...]]:
        found: list[Quota] = []
        until = inf
        for scope, limits in self.scopes:
            of_its_own = limits.models.get(model)
            parts: list[tuple[Scope, Limits | ModelLimits]] = [(scope, limits)]
            if of_its_own is not None:
                parts.append((of_model(scope, model), of_its_own))
            for part, what in parts:
                quota, ends = _quota(part, what, limits.budget_since, self.period, now)
                if quota is not None:
                    found.append(quota)
                    until = min(until, ends)
        return until, tuple(found)


NO_PLAN = Plan((), lambda duration, anchor, now: (0.0, 0.0))
"""Of a caller without limits."""


def plan_of(key: KeyRecord, around: Surroundings, organization: str, rules: Rules) -> Plan:
    """Return the limits of everything that a key's requests count in; `organization` is the one that it counts in."""
    user, team, member = around.user, around.team, around.member
    limits: dict[ScopeKind, Limits] = {"key": _limits_of(key, around.budgets)}
    if user is not None:
        limits["user"] = _limits_of(user, around.budgets)
        if key.team_id and not rules.user_budget_on_team_keys:
            limits["user"] = _counted(limits["user"])
    if team is not None:
        limits["team"] = _limits_of(team, around.budgets)
        own = _limits_of(member, around.budgets) if member is not None else NO_LIMITS
        since = _member_since(member, team)
        limits["member"] = msgspec.structs.replace(merged(own, team.member_limits), budget_since=since)
    if around.organization is not None:
        limits["organization"] = _limits_of(around.organization, around.budgets)
    scopes = scopes_of(key=key.id, user=key.user_id, team=key.team_id, organization=organization, customer="")
    return _plan(((scope, limits.get(scope.kind, NO_LIMITS)) for scope in scopes), rules)


def customer_plan(id: str, customer: CustomerRecord | None, budget: BudgetRecord | None, rules: Rules) -> Plan:
    """Return the limits of an end user: its own, and of `budget` what it does not have itself."""
    own = customer.limits if customer is not None else NO_LIMITS
    limits = merged(own, budget.limits if budget is not None else NO_LIMITS)
    if not limits.budget_since and customer is not None:
        limits = msgspec.structs.replace(limits, budget_since=customer.created_at)
    return _plan([(Scope("customer", id), limits)], rules)


class _Limited(Protocol):
    @property
    def limits(self) -> Limits: ...
    @property
    def budget_id(self) -> str: ...
    @property
    def created_at(self) -> float: ...


def _limits_of(owner: _Limited, budgets: Mapping[str, BudgetRecord]) -> Limits:
    budget = budgets.get(owner.budget_id)
    limits = owner.limits if budget is None else merged(owner.limits, budget.limits)
    return limits if limits.budget_since else msgspec.structs.replace(limits, budget_since=owner.created_at)


def _quota(
    scope: Scope, limits: Limits | ModelLimits, anchor: float, period: Period, now: float
) -> tuple[Quota | None, float]:
    """Return what holds in one scope, None if nothing does, and until when it holds."""
    budget, ends = limits.max_budget, inf
    parallel = soft = None
    if budget == COUNTED:
        budget, soft = None, COUNTED
    if isinstance(limits, Limits):
        parallel, soft = limits.parallel, limits.soft_budget
        if budget is not None and now < limits.extra_until:
            budget, ends = budget + limits.extra_budget, limits.extra_until
    if limits.rpm is None and limits.tpm is None and parallel is None and budget is None and soft is None:
        return None, inf
    since = until = 0.0
    if limits.budget_duration and (budget is not None or soft is not None):
        with suppress(ValueError):  # a period that nobody can tell never ends, which opens nothing
            since, until = period(limits.budget_duration, anchor, now)
        ends = min(ends, until or inf)
    return Quota(scope.text, limits.rpm, limits.tpm, parallel, budget, soft, since, until), ends


def weigh(quotas: Iterable[Quota]) -> bool:
    """Tell whether it matters how large a request is: there is a budget, or a limit of tokens."""
    return any(quota.tpm is not None or quota.budget is not None for quota in quotas)


def _plan(scopes: Iterable[tuple[Scope, Limits]], rules: Rules) -> Plan:
    limited = tuple((scope, limits) for scope, limits in scopes if _limits_anything(limits))
    return Plan(limited, rules.period, frozenset(name for _, limits in limited for name in limits.models))


def _limits_anything(limits: Limits) -> bool:
    return bool(limits.models) or any(
        limit is not None for limit in (limits.rpm, limits.tpm, limits.parallel, limits.max_budget, limits.soft_budget)
    )


def _counted(limits: Limits) -> Limits:
    """Return limits whose budgets hold nobody up; what is spent still counts in them, for the ledger counts it too."""
    models = {
        name: each if each.max_budget is None else msgspec.structs.replace(each, max_budget=COUNTED)
        for name, each in limits.models.items()
    }
    budgeted = limits.max_budget is not None or limits.soft_budget is not None
    return msgspec.structs.replace(
        limits, max_budget=None, soft_budget=COUNTED if budgeted else None, extra_budget=0, models=models
    )


def _member_since(member: MembershipRecord | None, team: TeamRecord) -> float:
    """Return when a member's first period began, the same for all of its keys."""
    own = (member.limits.budget_since, member.created_at) if member is not None else (0.0, team.created_at)
    return own[0] or team.member_limits.budget_since or own[1]
