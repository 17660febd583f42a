"""Adds up all documents of the ledger and compares with its rows and pages; writes the rows and pages anew."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pymongo import InsertOne, UpdateOne

from shared.schemas.events import Completion
from shared.store import pages
from shared.store.checking import Difference, Sums
from shared.store.connection import Document, Session, Store, translated
from shared.store.entries import completion_of
from shared.store.ledger_pause import STATE, Pause, paused
from shared.store.setup import ensure_ledger_indexes
from shared.store.sums import Tally

IN_ONE_BATCH = 1000
"""Documents that are in memory at once."""

ROWS_IN_BATCH = 20_000
"""Rows that are summed in memory before they are written; the more, the fewer writes."""

DOCUMENTS_IN_TALLY = 50_000

WRITES_IN_BATCH = 500

MOST_DIFFERENCES = 1000

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
    """At most `MOST_DIFFERENCES`."""


async def verify(store: Store, owner: str, progress: Progress) -> Verified:
    """Compare the sums of the documents with all rows and pages, while writers wait.

    Raises `StoreUnavailable`, and `LedgerPaused` when somebody verifies or rebuilds already.
    """
    async with paused(store, owner) as pause:
        first_day = await _first_day(store)
        documents, listed, count = Sums(), Sums(), 0
        async for batch in _documents(store, pause):
            documents.add_documents(batch)
            listed.add_listed(batch)
            count += len(batch)
            progress("documents", len(batch))
        rows, on_pages = Sums(), Sums()
        async for found in _batches(store.database.rollups.find({}), pause):
            for row in found:
                rows.add_row(row)
            progress("rows", len(found))
        async for found in _batches(store.database.ledger_pages.find({}), pause):
            for page in found:
                on_pages.add_page(page)
            progress("pages", len(found))
        differences = list(islice(documents.differences(rows, "rows", first_day), MOST_DIFFERENCES))
        differences += islice(listed.differences(on_pages, "pages", first_day), MOST_DIFFERENCES - len(differences))
        return Verified(count, documents.total("spend"), rows.rows, first_day, tuple(differences))


async def rebuild(store: Store, owner: str, progress: Progress) -> int:
    """Write all rows and pages anew out of the documents, while writers wait; return how many documents there are.

    Both are written beside the old ones and take their place at the end: whatever stops it before changes nothing.
    Rows of days that are past their retention stay as they are. Raises as `verify` does.
    """
    async with paused(store, owner) as pause:
        first_day = await _first_day(store)
        new = _New(store)
        await new.begin()
        count, tally, waiting = 0, Tally(), 0
        async for batch in _documents(store, pause):
            for completion in batch:
                tally.add(completion)
            waiting += len(batch)
            if waiting >= DOCUMENTS_IN_TALLY or tally.size >= ROWS_IN_BATCH:
                await new.add(tally, first_day)
                tally, waiting = Tally(), 0
            await new.enlist(batch)
            count += len(batch)
            progress("documents", len(batch))
        await new.add(tally, first_day)
        if first_day:
            async for found in _batches(store.database.rollups.find({"day": {"$lt": first_day}}), pause):
                await new.keep(found)
        await pause.renew()
        await new.take_over()
        return count


class _New:
    """The rows and pages that will take the place of the old ones."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = store.database.rollups_new
        self._pages = store.database.ledger_pages_new

    async def begin(self) -> None:
        with translated():
            await self._rows.drop()
            await self._pages.drop()
            await ensure_ledger_indexes(self._rows, self._pages)

    async def add(self, tally: Tally, first_day: str) -> None:
        writes = []
        for row, change in tally.rows().items():
            increments = change.increments()
            if increments and row.day >= first_day:
                update = {"$inc": increments, "$setOnInsert": change.identity()}
                writes.append(UpdateOne({"_id": row.text}, update, upsert=True))
        await self._written(self._rows, writes)

    async def enlist(self, batch: list[Completion]) -> None:
        await self._written(self._pages, list(map(InsertOne, pages.pages(map(pages.entry_of, batch)))))

    async def keep(self, rows: list[Document]) -> None:
        await self._written(self._rows, list(map(InsertOne, rows)))

    async def _written(self, collection: Any, writes: list[Any]) -> None:
        """Write, some at a time: a transaction is synced once, where single writes are synced one by one."""
        for start in range(0, len(writes), WRITES_IN_BATCH):
            await self._store.atomically(_bulk(collection, writes[start : start + WRITES_IN_BATCH]))

    async def take_over(self) -> None:
        with translated():
            await self._rows.rename("rollups", dropTarget=True)
            await self._pages.rename("ledger_pages", dropTarget=True)


def _bulk(collection: Any, writes: list[Any]) -> Callable[[Session], Awaitable[Any]]:
    async def work(session: Session) -> Any:
        return await collection.bulk_write(writes, session=session)

    return work


async def _first_day(store: Store) -> str:
    with translated():
        state = await store.database.ledger_state.find_one({"_id": STATE})
    return str((state or {}).get("kept_from", ""))


async def _documents(store: Store, pause: Pause) -> AsyncIterator[list[Completion]]:
    async for found in _batches(store.database.ledger.find({}), pause):
        yield [completion_of(item) for item in found]


async def _batches(cursor: Any, pause: Pause) -> AsyncIterator[list[Document]]:
    """Yield what a cursor gives, some at a time; raise `LedgerPaused` once writers may have gone on meanwhile."""
    batch: list[Document] = []
    with translated():
        async for item in cursor.batch_size(IN_ONE_BATCH):
            batch.append(item)
            if len(batch) == IN_ONE_BATCH:
                pause.check()
                yield batch
                batch = []
    pause.check()
    if batch:
        yield batch
