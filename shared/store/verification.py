"""Adds up all documents of the ledger and compares with its rows and pages; writes the rows and pages anew."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pymongo import InsertOne, UpdateOne

from shared.schemas.events import Completion
from shared.store import pages
from shared.store.checking import Difference, Sums
from shared.store.connection import Session, Store, translated
from shared.store.ledger_pause import STATE, paused
from shared.store.ledger_walk import LISTS, LedgerWalk
from shared.store.setup import ensure_ledger_indexes
from shared.store.sums import Row, Tally

SUMS_IN_TALLY = 100_000
"""Sums that are in memory before rows are written; the more, the fewer writes."""

DOCUMENTS_IN_TALLY = 100_000

WRITES_IN_BATCH = 200
"""Writes in one transaction: what the embedded store takes much less than its client's patience for."""

Progress = Callable[[str, int], None]
"""Is told what is being read, and how many of it were read since."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found."""

    documents: int
    spend: int
    """Nano-dollars of all documents."""
    rows: int
    first_day: str
    """The first day that has all of its documents; earlier ones are past their retention and not compared."""
    differences: tuple[Difference, ...]


async def verify(store: Store, owner: str, progress: Progress) -> Verified:
    """Compare the sums of the documents with all rows and pages, while writers wait.

    Raises `StoreUnavailable`, and `LedgerPaused` when somebody verifies or rebuilds already.
    """
    async with paused(store, owner) as pause:
        walk, first_day = LedgerWalk(store, pause), await _first_day(store)
        days = [day for day in await walk.days() if day >= first_day]
        documents, listed, on_pages, rows = Sums(), Sums(), Sums(), Sums()
        seen = {"documents": 0, "rows": 0, "pages": 0}

        def count(what: str, more: int) -> None:
            seen[what] += more
            progress(what, more)

        async for piece in walk.pieces(days):
            documents.add_documents(piece.documents)
            listed.add_listed(piece.documents)
            for page in piece.pages:
                on_pages.add_page(page)
            count("documents", len(piece.documents))
            count("pages", len(piece.pages))
        async for found in walk.rows(days):
            for row in found:
                rows.add_row(row)
            count("rows", len(found))
        for what, more in (await walk.older_than(first_day)).items():
            seen[what] += more
        differences = [*documents.differences(rows, "rows", ""), *listed.differences(on_pages, "pages", "")]
        differences += _unseen(await walk.counts(), seen)
        return Verified(seen["documents"], documents.total("spend"), rows.rows, first_day, tuple(differences))


async def rebuild(store: Store, owner: str, progress: Progress) -> int:
    """Write all rows and pages anew out of the documents, while writers wait; return how many documents there are.

    Both are written beside the old ones and take their place at the end: whatever stops it before changes nothing.
    Rows of days that are past their retention stay as they are. Raises as `verify` does.
    """
    async with paused(store, owner) as pause:
        walk, first_day = LedgerWalk(store, pause), await _first_day(store)
        new, count = _New(store, first_day), 0
        days = [day for day in await walk.days() if day >= first_day]
        await new.begin()
        async for piece in walk.pieces(days):
            await new.add(piece.documents)
            count += len(piece.documents)
            progress("documents", len(piece.documents))
        older = await walk.older_than(first_day)
        if count + older["documents"] != (await walk.counts())["documents"]:
            # Some documents stand on no page, so all of them are read.
            await new.begin()
            count = 0
            async for batch in walk.scan():
                await new.add(batch)
                count += len(batch)
                progress("all documents", len(batch))
        await new.finish()
        await pause.renew()
        await new.take_over()
        return count


class _New:
    """The rows and pages that will take the place of the old ones."""

    def __init__(self, store: Store, first_day: str) -> None:
        self._store = store
        self._first_day = first_day
        self._rows = store.database.rollups_new
        self._pages = store.database.ledger_pages_new
        self._tally, self._waiting = Tally(), 0

    async def begin(self) -> None:
        """Begin with nothing."""
        self._tally, self._waiting = Tally(), 0
        with translated():
            await self._rows.drop()
            await self._pages.drop()
            await ensure_ledger_indexes(self._rows, self._pages)

    async def add(self, documents: list[Completion]) -> None:
        """Count and list documents."""
        for completion in documents:
            self._tally.add(completion)
        self._waiting += len(documents)
        if self._waiting >= DOCUMENTS_IN_TALLY or self._tally.size >= SUMS_IN_TALLY:
            await self._write_rows()
        await self._written(self._pages, list(map(InsertOne, pages.pages(map(pages.entry_of, documents)))))

    async def finish(self) -> None:
        """Write what is left, and keep the rows of days that have no documents any more."""
        await self._write_rows()
        if self._first_day:
            for name in LISTS:
                query = {"names": name, "day": {"$lt": self._first_day}}
                with translated():
                    kept = await self._store.database.rollups.find(query).to_list(length=None)
                await self._written(self._rows, [InsertOne(row) for row in kept])

    async def take_over(self) -> None:
        """Take the place of the old ones."""
        with translated():
            await self._rows.rename("rollups", dropTarget=True)
            await self._pages.rename("ledger_pages", dropTarget=True)

    async def _write_rows(self) -> None:
        writes = []
        for row, change in self._tally.rows().items():
            increments = change.increments()
            if increments and row.day >= self._first_day:
                update = {"$inc": increments, "$setOnInsert": change.identity()}
                writes.append(UpdateOne({"_id": row.text}, update, upsert=True))
        self._tally, self._waiting = Tally(), 0
        await self._written(self._rows, writes)

    async def _written(self, collection: Any, writes: list[Any]) -> None:
        """Write, some at a time: a transaction is synced once, where single writes are synced one by one."""
        for start in range(0, len(writes), WRITES_IN_BATCH):
            await self._store.atomically(_bulk(collection, writes[start : start + WRITES_IN_BATCH]))


def _unseen(there: dict[str, int], seen: dict[str, int]) -> list[Difference]:
    """Return what exists and was not come upon, or twice: it belongs to no day that has a sum, or stands on no page."""
    nowhere = Row("all", "", "")
    return [
        Difference("pages" if what == "pages" else "rows", nowhere, f"{what} that are listed", seen[what], there[what])
        for what in seen
        if seen[what] != there[what]
    ]


def _bulk(collection: Any, writes: list[Any]) -> Callable[[Session], Awaitable[Any]]:
    async def work(session: Session) -> Any:
        return await collection.bulk_write(writes, session=session)

    return work


async def _first_day(store: Store) -> str:
    with translated():
        state = await store.database.ledger_state.find_one({"_id": STATE})
    return str((state or {}).get("kept_from", ""))
