"""End users: who of them is known, blocked or limited."""

import asyncio
from typing import Any

from cachetools import LRUCache

from services.auth.domain.customers import Customer, customer_of
from services.auth.domain.quotas import Rules
from services.auth.record_cache import Entry
from services.auth.records import Records
from services.auth.standings import AccessGroups
from shared.errors import Unavailable
from shared.schemas.control import Change
from shared.store.objects import Objects
from shared.store.people import CustomerRecord


class Customers:
    """Answers whom a request is for, at once where every record is at hand."""

    def __init__(
        self,
        records: Records,
        stored: Objects[CustomerRecord],
        catalog: AccessGroups,
        rules: Rules,
        *,
        default_budget: str = "",
        known_only: bool = False,
        capacity: int = 10_000,
    ) -> None:
        self._records = records
        self._stored = stored
        self._catalog = catalog
        self._rules = rules
        self._default_budget = default_budget
        self._held: LRUCache[str, tuple[int, Customer, tuple[Entry[Any], ...]]] = LRUCache(capacity)
        self._heard = 0
        self._look: asyncio.Task[None] | None = None
        self.known_only = known_only
        """True where requests for an end user that is not stored are refused."""
        self.matter = True
        """False where none is stored and nothing holds for all: then nobody asks whom a request is for."""

    def __len__(self) -> int:
        return len(self._held)

    def changed(self, change: Change) -> None:
        """Note that there are some; the record itself is forgotten by `Records`."""
        if change.kind == "customer":
            self._heard += 1
            self.matter = True

    def reset(self) -> None:
        """Look anew whether there are any."""
        self._heard += 1
        self.matter = True
        if not (self._default_budget or self.known_only):
            self._look = asyncio.ensure_future(self._look_for_any())

    async def close(self) -> None:
        """Stop looking."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])

    def known(self, id: str) -> Customer | None:
        """Return what holds for an end user, if the store need not be asked."""
        held = self._held.get(id)
        if held is not None and held[0] == self._catalog.generation and not any(part.stale for part in held[2]):
            return held[1]
        entry = self._records.customer.get(id)
        if entry is None:
            return None
        budget_id = self._budget_id(entry.record)
        budget = self._records.budget.get(budget_id) if budget_id else None
        if budget_id and budget is None:
            return None
        return self._made(id, entry, budget)

    async def look_up(self, id: str) -> Customer:
        """Return what holds for an end user, asking the store for what is not cached; raises `Unavailable`."""
        entry = self._records.customer.get(id) or await self._records.customer.fetch(id)
        budget_id = self._budget_id(entry.record)
        budget = None
        if budget_id:
            budget = self._records.budget.get(budget_id) or await self._records.budget.fetch(budget_id)
        return self._made(id, entry, budget)

    def _budget_id(self, record: CustomerRecord | None) -> str:
        return (record.budget_id if record is not None else "") or self._default_budget

    def _made(self, id: str, entry: Entry[CustomerRecord], budget: Entry[Any] | None) -> Customer:
        customer = customer_of(
            id, entry.record, budget.record if budget is not None else None, self._catalog.members, self._rules
        )
        parts = (entry,) if budget is None else (entry, budget)
        if not any(part.stale for part in parts):
            self._held[id] = (self._catalog.generation, customer, parts)
        return customer

    async def _look_for_any(self) -> None:
        heard = self._heard
        try:
            found = await self._stored.any()
        except Unavailable:
            return  # whoever asks for one will say so
        if not found and heard == self._heard:
            self.matter = False
