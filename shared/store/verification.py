"""Adds up all documents of the ledger and compares with its rows and pages; sets right what differs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from pymongo import DeleteOne, InsertOne, ReplaceOne

from shared.schemas.events import Completion
from shared.store import pages
from shared.store.checking import Difference, Sums, document_of, is_same
from shared.store.connection import Document, Session, Store, translated
from shared.store.ledger_pause import STATE, paused
from shared.store.ledger_walk import LedgerWalk
from shared.store.setup import ensure_ledger_indexes
from shared.store.sums import DAY, Row, Tally, day_of

WRITES_IN_BATCH = 200
"""Writes in one transaction: what the embedded store takes much less than its client's patience for."""

EXPECTED = "documents to read"

Progress = Callable[[str, int], None]
"""Is told what is being read, and how many of it were read since; a verification says `EXPECTED` first."""

MOST_DIFFERENCES = 10_000
"""Differences that are kept, of a ledger in which nothing is right."""


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
        expected = {day: number for day, number in (await walk.days()).items() if day >= first_day}
        progress(EXPECTED, sum(expected.values()))
        checking = _Checking(walk, progress)
        for day in expected:
            await checking.day(day)
        for what, more in (await walk.older_than(first_day)).items():
            checking.seen[what] += more
        differences = [*checking.differences, *_unseen(await walk.counts(), checking.seen)]
        return Verified(
            documents=checking.seen["documents"],
            spend=checking.spend,
            rows=checking.rows,
            first_day=first_day,
            differences=tuple(differences),
        )


class _Checking:
    """Compares day by day, so that no more than a day's sums are in memory."""

    def __init__(self, walk: LedgerWalk, progress: Progress) -> None:
        self._walk = walk
        self._progress = progress
        self.seen = {"documents": 0, "rows": 0, "pages": 0}
        self.spend = 0
        self.rows = 0
        self.differences: list[Difference] = []

    async def day(self, day: str) -> None:
        """Add up a day's documents, pages and rows, and keep what they disagree about."""
        documents, listed, on_pages, rows = Sums(), Sums(), Sums(), Sums()
        async for piece in self._walk.pieces([day]):
            documents.add_documents(piece.documents)
            listed.add_listed(piece.documents)
            for page in piece.pages:
                on_pages.add_page(page)
            self._count("documents", len(piece.documents))
            self._count("pages", len(piece.pages))
        async for found in self._walk.rows([day]):
            for row in found:
                rows.add_row(row)
            self._count("rows", len(found))
        self.spend += documents.total("spend")
        self.rows += rows.rows
        found_here = chain(documents.differences(rows, "rows", ""), listed.differences(on_pages, "pages", ""))
        self.differences += islice(found_here, MOST_DIFFERENCES - len(self.differences))

    def _count(self, what: str, more: int) -> None:
        self.seen[what] += more
        self._progress(what, more)


async def rebuild(store: Store, owner: str, progress: Progress) -> int:
    """Set right all rows and pages by the documents, while writers wait; return how many documents there are.

    It goes day by day and writes what differs, as it should be: whatever stops it, another run ends it. Rows of days
    that are past their retention stay as they are. Raises as `verify` does.
    """
    async with paused(store, owner) as pause:
        walk, first_day = LedgerWalk(store, pause), await _first_day(store)
        mending, count = _Mending(store), 0
        days = {day for day in await walk.days() if day >= first_day}
        listed = sum([len(piece.documents) async for piece in walk.pieces(sorted(days))])
        older = await walk.older_than(first_day)
        if listed + older["documents"] != (await walk.counts())["documents"]:
            # Some documents stand on no page, so all of them are read.
            await mending.begin_pages()
            async for batch in walk.scan():
                await mending.enlist(batch)
                days |= {day_of(int(item.ended // DAY) * DAY) for item in batch}
                progress("all documents", len(batch))
        for day in sorted(day for day in days if day >= first_day):
            documents = await mending.pages_of(day, walk)
            stored = [row async for rows in walk.rows([day]) for row in rows]
            await mending.rows_of(documents, stored)
            count += len(documents)
            progress("documents", len(documents))
        await mending.forget_sheets()
        return count


class _Mending:
    """Makes rows and pages of the ledger what its documents say."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = store.database.rollups
        self._pages = store.database.ledger_pages

    async def forget_sheets(self) -> None:
        """Forget the sheets, which were made of rows that may have been wrong."""
        with translated():
            await self._store.database.day_sheets.drop()

    async def begin_pages(self) -> None:
        """Forget all pages."""
        with translated():
            await self._pages.drop()
            await ensure_ledger_indexes(self._rows, self._pages)

    async def enlist(self, documents: list[Completion]) -> None:
        """Write the pages of some documents."""
        await self._written(self._pages, list(map(InsertOne, pages.pages(map(pages.entry_of, documents)))))

    async def pages_of(self, day: str, walk: LedgerWalk) -> list[Completion]:
        """Return a day's documents; write its pages anew where they do not add up to them.

        A day that its last document left keeps no page, for it keeps no row by which one would be found.
        """
        listed, on_pages, documents, found = Sums(), Sums(), [], []
        async for piece in walk.pieces([day]):
            listed.add_listed(piece.documents)
            for page in piece.pages:
                on_pages.add_page(page)
            found += [page["_id"] for page in piece.pages]
            documents += piece.documents
        if not documents or any(listed.differences(on_pages, "pages", "")):
            await self.enlist(documents)
            await self._written(self._pages, [DeleteOne({"_id": id}) for id in found])
        return documents

    async def rows_of(self, documents: list[Completion], stored: list[Document]) -> None:
        """Write the rows of one day that are not what its documents add up to."""
        tally = Tally()
        for completion in documents:
            tally.add(completion)
        expected = {row.text: document_of(change) for row, change in tally.rows().items() if change.increments()}
        known = {row["_id"]: row for row in stored}
        writes: list[Any] = [DeleteOne({"_id": id}) for id in known.keys() - expected.keys()]
        for id, row in expected.items():
            if id not in known or not is_same(known[id], row):
                writes.append(ReplaceOne({"_id": id}, row, upsert=True))
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
