"""What a scope has spent, as answers show it: in its budget's current period, and ever."""

from dataclasses import dataclass
from typing import Any

from services.admin.domain.limit_fields import merged
from shared.pricing.money import to_dollars
from shared.schemas.limits import Limits
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


class Spending:
    """Asks the ledger; it counts what budgets count, so that both show the same spend."""

    def __init__(self, store: Store) -> None:
        self._ledger = Ledger(store)
        self._budgets = budgets(store)

    async def of(self, scope: Scope, limits: Limits, budget_id: str, now: float) -> Spent:
        """Return what a scope with these limits has spent; raises `StoreUnavailable`."""
        total = await self._ledger.spent(scope, 0.0)
        return Spent(total, total, None)

    async def limits(self, limits: Limits, budget_id: str) -> Limits:
        """Return what holds: an object's own limits, and those of the budget that it refers to."""
        budget = await self._budgets.find(budget_id) if budget_id else None
        return merged(limits, budget.limits) if budget else limits
