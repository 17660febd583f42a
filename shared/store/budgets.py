"""Budgets: limits by name, which keys, users, teams, members, organizations and customers refer to.

As in LiteLLM, a budget states limits and shares no money: each object that refers to it has the whole of it.
"""

import msgspec

from shared.schemas.limits import Limits
from shared.store.connection import Session, Store, translated
from shared.store.objects import Objects

REFERRING = ("keys", "users", "teams", "organizations", "memberships", "customers")
"""Collections whose records have a `budget_id`."""

MOST_NAMED = 5
"""Records of one collection that are named as users of a budget."""


class BudgetRecord(msgspec.Struct, frozen=True):
    """A budget as it is stored; times are Unix seconds."""

    id: str
    created_at: float
    limits: Limits = Limits()
    declared: bool = False
    """True where the configuration file says it; the API changes nothing of it."""
    created_by: str = ""
    updated_at: float = 0.0
    updated_by: str = ""


class Budgets(Objects[BudgetRecord]):
    """The collection of budgets."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, "budgets", BudgetRecord, "budget", param="budget_id")
        self._database = store.database

    async def users_of(self, id: str, session: Session = None) -> dict[str, list[str]]:
        """Return ids of records that refer to a budget, by collection; of each collection a few at most."""
        found: dict[str, list[str]] = {}
        with translated():
            for name in REFERRING:
                cursor = self._database[name].find({"budget_id": id}, {"_id": 1}, session=session).limit(MOST_NAMED)
                ids = [str(document["_id"]) for document in await cursor.to_list(length=MOST_NAMED)]
                if ids:
                    found[name] = ids
        return found


def budgets(store: Store) -> Budgets:
    """Return the collection of budgets."""
    return Budgets(store)
