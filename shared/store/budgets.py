"""Budgets: limits by name, which keys, users, teams, members, organizations and customers refer to.

As in LiteLLM, a budget states limits and shares no money: each object that refers to it has the whole of it.
"""

import msgspec

from shared.schemas.limits import Limits
from shared.store.connection import Store
from shared.store.objects import Objects


class BudgetRecord(msgspec.Struct, frozen=True):
    """A budget as it is stored; times are Unix seconds."""

    id: str
    created_at: float
    limits: Limits = Limits()
    created_by: str = ""
    updated_at: float = 0.0
    updated_by: str = ""


def budgets(store: Store) -> Objects[BudgetRecord]:
    """Return the collection of budgets."""
    return Objects(store, "budgets", BudgetRecord, "budget")
