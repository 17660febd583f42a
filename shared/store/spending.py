"""What was spent since a moment, out of the ledger's rows and pages."""

import asyncio
from typing import Any

from shared.schemas.scopes import Scope
from shared.store import pages, sums
from shared.store.connection import Document, Store, translated
from shared.store.pages import SLICES_IN_SLOT, Wanted, slice_of
from shared.store.totals import Totals


class Spending:
    """Adds up whole days by their rows, half hours by their slots, then pages, and the rest request by request."""

    def __init__(self, store: Store) -> None:
        self._rows = store.database.rollups
        self._pages = store.database.ledger_pages
        self._totals = Totals(store)

    async def since(self, scope: Scope, since: float) -> int:
        """Return nano-dollars of requests that ended at or after `since`; 0 is for ever. Raises `StoreUnavailable`."""
        wanted = Wanted.of_scope(scope)
        if since <= 0:
            return await self._totals.of(wanted)
        with translated():
            parts = (
                self._days(wanted, sums.day_of(int(since // sums.DAY + 1) * sums.DAY)),
                self._slots(wanted, since),
                self._slices(wanted, since),
                self._requests(wanted, since),
            )
            return sum(await asyncio.gather(*parts))

    async def _days(self, wanted: Wanted, first: str) -> int:
        fields = {"lines" if wanted.group else "spend": 1}
        found = await self._found(self._rows, {"names": wanted.name, "day": {"$gte": first}}, fields)
        return sum(sums.spend_of_row(row, wanted.group) for row in found)

    async def _slots(self, wanted: Wanted, since: float) -> int:
        """Return the rest of the first day after the half hour of `since`."""
        query = {"names": wanted.name, "day": sums.day_of(int(since // sums.DAY) * sums.DAY)}
        found = await self._found(self._rows, query, {"slots": 1})
        return sum(sums.spend_of_slots(row, sums.slot_of(since), wanted.group) for row in found)

    async def _slices(self, wanted: Wanted, since: float) -> int:
        """Return the rest of that half hour after the five seconds of `since`."""
        end = (int(since // sums.SLOT) + 1) * SLICES_IN_SLOT
        query = {"names": wanted.name, "slice": {"$gt": slice_of(since), "$lt": end}}
        found = await self._found(self._pages, query, {"owners": 1, "sums": 1})
        return sum(pages.sum_of(page, wanted) for page in found)

    async def _requests(self, wanted: Wanted, since: float) -> int:
        query = {"names": wanted.name, "slice": slice_of(since)}
        found = 0
        for page in await self._found(self._pages, query, None):
            for entry in pages.entries_on(page):
                if entry.ended >= since and wanted.includes(entry.owner):
                    found += entry.sign * entry.cost
        return found

    async def _found(self, collection: Any, query: Document, fields: Document | None) -> list[Document]:
        found: list[Document] = await collection.find(query, fields).to_list(length=None)
        return found
