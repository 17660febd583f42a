"""Goes through the whole ledger in bounded pieces: day by day, by its pages, as the embedded store can give it.

That store reads all of a collection before it gives the first document of it, so a scan is the last resort: for
documents that no page lists.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shared.schemas.events import Completion
from shared.store import pages, sums
from shared.store.connection import Document, Store, translated
from shared.store.entries import completion_of
from shared.store.ledger_pause import Pause
from shared.store.listing import Listing
from shared.store.pages import SLICE
from shared.store.sums import ALL, DAY, listed

IN_ONE_BATCH = 1000
"""Documents that are in memory at once, or nearly so."""

FEWEST_PAGES, MOST_PAGES = 20, 200
"""Pages in one piece: with fewer the next piece is longer, with more shorter."""

LONGEST = DAY // SLICE

LISTS = (ALL, *(listed(kind) for kind in ("caller", "team", "organization", "customer", "tag", "opening")))
"""Every row stands under one of these names, once."""


class Piece(NamedTuple):
    """What ended in one span of time."""

    pages: list[Document]
    documents: list[Completion]


class LedgerWalk:
    """Reads while the ledger is paused; raises `StoreUnavailable`, and `LedgerPaused` once the pause was lost."""

    def __init__(self, store: Store, pause: Pause) -> None:
        self._database = store.database
        self._listing = Listing(store)
        self._pause = pause

    async def days(self) -> dict[str, int]:
        """Return the days that have a sum, the first one first, and how many requests each had by its row."""
        found: dict[str, int] = {}
        with translated():
            for name, fields in ((listed("opening"), {"day": 1}), (ALL, {"day": 1, "lines": 1})):
                for row in await self._database.rollups.find({"names": name}, fields).to_list(length=None):
                    found[row["day"]] = found.get(row["day"], 0) + sums.totals_of(row)["requests"]
        return dict(sorted(found.items()))

    async def pieces(self, days: list[str]) -> AsyncIterator[Piece]:
        """Yield the pages of some days, with the documents that they list and that ended just then."""
        step = LONGEST
        for day in days:
            begin = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) // SLICE
            at = begin
            while at < begin + LONGEST:
                end = min(at + step, begin + LONGEST)
                found = await self._pages(at, end)
                if len(found) > MOST_PAGES and end - at > 1:
                    step = max(1, (end - at) // 4)
                    continue
                self._pause.check()
                if found:
                    yield Piece(found, await self._documents(found, at, end))
                if len(found) < FEWEST_PAGES:
                    step = min(LONGEST, step * 2)
                at = end

    async def rows(self, days: list[str]) -> AsyncIterator[list[Document]]:
        """Yield the rows of some days, some at a time."""
        for day in days:
            for name in LISTS:
                batch: list[Document] = []
                with translated():
                    cursor = self._database.rollups.find({"names": name, "day": day}).batch_size(IN_ONE_BATCH)
                    async for row in cursor:
                        batch.append(row)
                        if len(batch) == IN_ONE_BATCH:
                            self._pause.check()
                            yield batch
                            batch = []
                self._pause.check()
                if batch:
                    yield batch

    async def counts(self) -> dict[str, int]:
        """Return how many documents, rows and pages there are, whatever lists them."""
        with translated():
            return {
                "documents": await self._database.ledger.estimated_document_count(),
                "rows": await self._database.rollups.estimated_document_count(),
                "pages": await self._database.ledger_pages.estimated_document_count(),
            }

    async def older_than(self, day: str) -> dict[str, int]:
        """Return how much there is from before a day: what no sweep has deleted yet, and the sums that stay."""
        found = {"documents": 0, "rows": 0, "pages": 0}
        if not day:
            return found
        end = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
        old = await self._pages(0, pages.slice_of(end))
        found["pages"] = len(old)
        found["documents"] = len(await self._documents(old, 0, pages.slice_of(end))) if old else 0
        for name in LISTS:
            query = {"names": name, "day": {"$lt": day}}
            with translated():
                found["rows"] += len(await self._database.rollups.find(query, {"_id": 1}).to_list(length=None))
        return found

    async def scan(self) -> AsyncIterator[list[Completion]]:
        """Yield all documents, also those that no page lists."""
        batch: list[Completion] = []
        with translated():
            async for item in self._database.ledger.find({}).batch_size(IN_ONE_BATCH):
                batch.append(completion_of(item))
                if len(batch) == IN_ONE_BATCH:
                    self._pause.check()
                    yield batch
                    batch = []
        if batch:
            yield batch

    async def _pages(self, begin: int, end: int) -> list[Document]:
        query: dict[str, Any] = {"names": ALL, "slice": {"$gte": begin, "$lt": end}}
        with translated():
            found: list[Document] = await self._database.ledger_pages.find(query).to_list(length=None)
        return found

    async def _documents(self, found: list[Document], begin: int, end: int) -> list[Completion]:
        ids = dict.fromkeys(entry.request for page in found for entry in pages.entries_on(page))
        with translated():
            documents = [completion_of(item) for item in await self._listing.raw(list(ids))]
        return [item for item in documents if begin <= pages.slice_of(item.ended) < end]
