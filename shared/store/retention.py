"""Deletes the ledger's documents past their retention; their sums stay.

Whole days (UTC) go, and which was the first to stay is noted before anything is deleted, so that a verification
never misses what it is not to find. Deleting is idempotent: who dies in the middle is followed by the next one.
"""

import time

from shared.store.by_ids import questions
from shared.store.connection import Document, Store, translated
from shared.store.ledger_pause import STATE
from shared.store.pages import slice_of
from shared.store.sums import ALL, DAY, day_of

EVERY = 3600.0
"""Seconds between two sweeps, whichever worker makes them."""

PAGES_AT_ONCE = 20


class Retention:
    """Sweeps the ledger; every method raises `StoreUnavailable`."""

    def __init__(self, store: Store, days: int) -> None:
        self._store = store
        self._days = days
        self._state = store.database.ledger_state

    async def sweep(self, now: float) -> int | None:
        """Delete what is past its retention and return how many documents; None when it is not this worker's turn."""
        end = (int(now // DAY) - self._days) * DAY
        if not await self._turn(now, day_of(end)):
            return None
        deleted = 0
        while found := await self._oldest(end):
            if await self._paused():
                break
            for page in found:
                deleted += await self._delete(page, end)
        return deleted

    async def _turn(self, now: float, first_day: str) -> bool:
        """Take this hour's sweep, unless somebody has, or reads the whole ledger."""
        only = {"_id": STATE, "swept_at": {"$lt": now - EVERY}, "paused_until": {"$lt": time.time()}}
        update = {"$set": {"swept_at": now}, "$max": {"kept_from": first_day}}
        with translated():
            result = await self._state.update_one(only, update)
        return bool(result.modified_count)

    async def _paused(self) -> bool:
        with translated():
            state = await self._state.find_one({"_id": STATE})
        return bool(state and state["paused_until"] > time.time())

    async def _oldest(self, end: float) -> list[Document]:
        query = {"names": ALL, "slice": {"$lt": slice_of(end)}}
        with translated():
            found: list[Document] = (
                await self._store.database.ledger_pages.find(query, {"requests": 1}).limit(PAGES_AT_ONCE).to_list(None)
            )
        return found

    async def _delete(self, page: Document, end: float) -> int:
        """Delete a page after its documents; one that was replaced and ended later stays."""
        ids, deleted = list(page["requests"]), 0
        with translated():
            for some in questions(ids):
                query = {"_id": {"$in": some}, "ended": {"$lt": end}}
                result = await self._store.database.ledger.delete_many(query)
                deleted += result.deleted_count
            await self._store.database.ledger_pages.delete_one({"_id": page["_id"]})
        return deleted
