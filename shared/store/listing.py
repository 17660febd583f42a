"""Finds the ledger's documents: by their pages, the newest first, from wherever an earlier answer ended."""

from collections.abc import AsyncIterator, Iterable, Sequence

from shared.store import entries, pages
from shared.store.by_ids import documents_by_id
from shared.store.connection import Document, Session, Store, translated
from shared.store.pages import Entry, Wanted, slice_of

AT_ONCE = 500
"""Documents that a walk over many holds in memory."""

Mark = tuple[float, str]
"""Where a request stands among others: when it ended (Unix seconds), and its id."""


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
                marks = _standing(await self._pages.find(query).to_list(length=None), wanted)
                listed += [mark for mark in marks if since <= mark[0] < until and (before is None or mark < before)]
                last, step = begin - 1, step * 4
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
        return await documents_by_id(self._ledger, ids, session)


def mark_of(document: Document) -> Mark:
    """Return where a document stands."""
    return float(document["ended"]), str(document["_id"])


def _standing(found: Iterable[Document], wanted: Wanted) -> set[Mark]:
    """Return the wanted requests on pages, without those that were taken back."""
    counts: dict[Entry, int] = {}
    for page in found:
        for entry in pages.entries_on(page):
            if wanted.includes(entry.owner) and wanted.failed in (None, entry.failed):
                place = entry._replace(sign=1)
                counts[place] = counts.get(place, 0) + entry.sign
    return {(entry.ended, entry.request) for entry, count in counts.items() if count > 0}
