"""What a scope has spent, as answers show it: in its budget's current period, and ever."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from shared.periods import period
from shared.pricing.money import to_dollars
from shared.schemas.limits import Limits, merged
from shared.schemas.scopes import Scope
from shared.store.budgets import budgets
from shared.store.connection import Store
from shared.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Spent:
    """Nano-dollars, and when the current period ends; None for a budget that never resets."""

    in_period: int
    total: int
    reset_at: float | None

    @property
    def shape(self) -> dict[str, Any]:
        """Return it as answers show it, in dollars."""
        return {"spend": to_dollars(self.in_period), "total_spend": to_dollars(self.total)}


class Owner(Protocol):
    """Whose spend is asked for, as the store has it."""

    @property
    def limits(self) -> Limits:
        """What it may use."""

    @property
    def budget_id(self) -> str:
        """The budget that it refers to."""

    @property
    def created_at(self) -> float:
        """When it was made, in Unix seconds."""


class Spending:
    """Asks the ledger; it counts what budgets count, so that both show the same spend."""

    def __init__(self, store: Store, zone: str) -> None:
        self._ledger = Ledger(store)
        self._budgets = budgets(store)
        self._zone = zone

    async def of(self, scope: Scope, owner: Owner, now: float) -> Spent:
        """Return what the owner of a scope has spent; raises `StoreUnavailable`."""
        since, until = await self._period(owner, now)
        total = await self._ledger.spent(scope, 0.0)
        return Spent(await self._ledger.spent(scope, since) if total and since else total, total, until or None)

    async def reset_at(self, owner: Owner, now: float) -> float | None:
        """Return when the current period of an owner's budget ends; None for one that never resets."""
        return (await self._period(owner, now))[1] or None

    async def limits(self, owner: Owner) -> Limits:
        """Return what holds: an object's own limits, and those of the budget that it refers to."""
        budget = await self._budgets.find(owner.budget_id) if owner.budget_id else None
        return merged(owner.limits, budget.limits) if budget else owner.limits

    async def _period(self, owner: Owner, now: float) -> tuple[float, float]:
        """Return the begin and the end of the current period; 0 for what there is not."""
        limits = await self.limits(owner)
        if limits.budget_duration:
            with suppress(ValueError):  # a period that nobody can tell never ends, as the limiter has it
                return period(limits.budget_duration, owner.limits.budget_since or owner.created_at, now, self._zone)
        return 0.0, 0.0
