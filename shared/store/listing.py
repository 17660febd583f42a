"""Finds the ledger's documents: by their pages, the newest first, from wherever an earlier answer ended."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from shared.store import entries, pages
from shared.store.connection import Document, Session, Store, translated
from shared.store.pages import Mark, Wanted, slice_of

IN_ONE_QUESTION = 15
"""Documents asked for by one query: the embedded store compares each of them with each id that was asked for."""

QUESTIONS_AT_ONCE = 2
"""Queries under way for one reader, so that one is decoded while the other is answered."""

GROWTH = 4
"""How much longer the next step is at most."""

AT_ONCE = 500
"""Documents that a walk over many holds in memory."""


class Listing:
    """Reads documents; every method raises `StoreUnavailable`."""

    def __init__(self, store: Store) -> None:
        self._ledger = store.database.ledger
        self._pages = store.database.ledger_pages

    async def one(self, request_id: str) -> Document | None:
        """Return one request's document."""
        with translated():
            document: Document | None = await self._ledger.find_one({"_id": request_id})
        return entries.shown(document) if document else None

    async def newest(
        self, wanted: Wanted, *, since: float, until: float, limit: int, before: Mark | None = None
    ) -> list[Document]:
        """Return documents whose request ended in the window (`until` excluded), the newest first.

        It walks back from `until` over the pages, in steps that grow, until it has enough. `before` is the last
        one of an earlier answer: then older ones follow.
        """
        last = slice_of(until if before is None else min(until, before[0]))
        first, step = slice_of(since), 1
        listed: list[Mark] = []
        with translated():
            while last >= first and len(listed) < limit:
                begin = max(first, last - step + 1)
                query = {"names": wanted.name, "slice": {"$gte": begin, "$lte": last}}
                marks = pages.standing(await self._pages.find(query).to_list(length=None), wanted)
                new = [mark for mark in marks if since <= mark[0] < until and (before is None or mark < before)]
                listed += new
                last, step = begin - 1, _next_step(step, len(new), limit - len(listed))
            listed = sorted(listed, reverse=True)[:limit]
            documents = {item["_id"]: item for item in await self.raw([id for _, id in listed])}
        return [entries.shown(documents[id]) for _, id in listed if id in documents]

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
        parts = iter([list(ids[start : start + IN_ONE_QUESTION]) for start in range(0, len(ids), IN_ONE_QUESTION)])
        found: list[Document] = []

        async def ask() -> None:
            for some in parts:
                found.extend(await self._ledger.find({"_id": {"$in": some}}, session=session).to_list(length=None))

        # A transaction takes one question after the other.
        await asyncio.gather(*(ask() for _ in range(1 if session else QUESTIONS_AT_ONCE)))
        return found


def mark_of(document: Document) -> Mark:
    """Return where a document stands."""
    return float(document["ended"]), str(document["_id"])


def _next_step(step: int, found: int, missing: int) -> int:
    """Return how many slices to read next: what holds the rest if they are as full as the last ones, or four times."""
    if not found:
        return step * GROWTH
    return min(max(1, step * missing * 5 // (found * 4)), step * GROWTH)
