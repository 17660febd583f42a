"""Finds the ledger's documents: by their pages, the newest first, from wherever an earlier answer ended."""

from collections.abc import AsyncIterator, Sequence

from shared.store import entries, pages
from shared.store.by_ids import documents_by_id
from shared.store.connection import Document, Session, Store, translated
from shared.store.pages import Mark, Wanted, slice_of
from shared.store.spans import SLICES_IN_DAY, Span, days_of, spans
from shared.store.sums import DAY, day_of

LONGEST_STRIDE = 12
"""Slices of a busy time that are read at once where nothing was found for a while: a minute."""

FIRST_DAYS = 2
"""Days whose rows are read first; then twice as many, and so on."""

AT_ONCE = 500
"""Documents that a walk over many holds in memory."""


class Listing:
    """Reads documents; every method raises `StoreUnavailable`."""

    def __init__(self, store: Store) -> None:
        self._ledger = store.database.ledger
        self._pages = store.database.ledger_pages
        self._rows = store.database.rollups

    async def one(self, request_id: str) -> Document | None:
        """Return one request's document."""
        with translated():
            document: Document | None = await self._ledger.find_one({"_id": request_id})
        return entries.shown(document) if document else None

    async def newest(
        self, wanted: Wanted, *, since: float, until: float, limit: int, before: Mark | None = None
    ) -> list[Document]:
        """Return documents whose request ended in the window (`until` excluded), the newest first.

        It walks back from `until` over the pages, by spans of time that the rows say hold about as many as it needs.
        `before` is the last one of an earlier answer: then older ones follow.
        """
        last = slice_of(until if before is None else min(until, before[0]))
        listed: list[Mark] = []
        with translated():
            async for begin, end, stride in self._spans(wanted, slice_of(since), last, limit):
                at, step = end, stride
                while at >= begin and len(listed) < limit:
                    query = {"names": wanted.name, "slice": {"$gte": max(begin, at - step + 1), "$lte": at}}
                    marks = pages.standing(await self._pages.find(query).to_list(length=None), wanted)
                    listed += [mark for mark in marks if since <= mark[0] < until and (before is None or mark < before)]
                    at, step = at - step, stride if marks else max(stride, min(step * 2, LONGEST_STRIDE))
                if len(listed) >= limit:
                    break
            listed = sorted(listed, reverse=True)[:limit]
            documents = {item["_id"]: item for item in await self.raw([id for _, id in listed])}
        return [entries.shown(documents[id]) for _, id in listed if id in documents]

    async def _spans(self, wanted: Wanted, first: int, last: int, limit: int) -> AsyncIterator[Span]:
        """Yield where to look, the newest first, between two slices, both included."""
        end, length = last // SLICES_IN_DAY, FIRST_DAYS
        while end >= first // SLICES_IN_DAY:
            begin = max(first // SLICES_IN_DAY, end - length + 1)
            span = {"$gte": day_of(begin * DAY), "$lte": day_of(end * DAY)}
            query = {"names": wanted.name, "day": span}
            rows = await self._rows.find(query, {"day": 1, "lines": 1, "slots": 1}).to_list(length=None)
            for found in spans(days_of(rows, wanted), limit):
                if found.first <= last and found.last >= first:
                    yield found._replace(first=max(first, found.first), last=min(last, found.last))
            end, length = begin - 1, length * 2

    async def walk(
        self, wanted: Wanted, *, since: float, until: float, before: Mark | None = None
    ) -> AsyncIterator[Document]:
        """Yield every document of the window, the newest first, with no more than `AT_ONCE` in memory."""
        while True:
            batch = await self.newest(wanted, since=since, until=until, limit=AT_ONCE, before=before)
            for document in batch:
                yield document
            if len(batch) < AT_ONCE:
                return
            before = mark_of(batch[-1])

    async def raw(self, ids: Sequence[str], session: Session = None) -> list[Document]:
        """Return documents as they are stored, by their ids, in no order; to be called where errors are translated."""
        return await documents_by_id(self._ledger, ids, session)


def mark_of(document: Document) -> Mark:
    """Return where a document stands."""
    return float(document["ended"]), str(document["_id"])
