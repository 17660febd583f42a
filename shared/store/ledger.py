"""The ledger: one document per request, and rollups that change with it or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from bson.errors import BSONError
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from shared.errors import InternalError
from shared.schemas.events import Completion
from shared.schemas.scopes import Scope
from shared.store import entries, pages
from shared.store.connection import Document, Session, Store, StoreUnavailable, translated
from shared.store.pages import Entry, Wanted, entry_of, slice_of
from shared.store.spending import Spending
from shared.store.sums import Tally

TRIES = 4
"""Times that a batch with known requests is begun anew because another writer added some meanwhile."""

IN_ONE_QUESTION = 50
"""Documents asked for by one query: the embedded store's time for a list of ids grows with its square."""

DUPLICATE_KEY = 11000

REFUSED = {2, 121, 10334, 17280}
"""MongoDB's codes for a value that it never takes: bad, not valid, too large, too large for a key."""


Mark = tuple[float, str]
"""Where a request stands among others: when it ended (Unix seconds), and its id."""


class Unwritable(InternalError):
    """The store refuses a completion for what it is; another try would end the same way."""


class Ledger:
    """Writes completions exactly once per request id, through any redelivery.

    The documents, their rollups and the pages that list them are one transaction, so no crash and no replay
    tells them apart (docs/adr/0007-ledger-writes.md).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ledger = store.database.ledger
        self._rows = store.database.rollups
        self._pages = store.database.ledger_pages
        self._spending = Spending(store)

    async def write(self, completions: Sequence[Completion]) -> int:
        """Write what is not there yet and return how many documents are new or changed.

        A batch of unknown requests is inserted without a look; only if one of them turns out to be known, all
        are read and united with what is there. Raises `StoreUnavailable`, and then nothing was written, or all;
        raises `Unwritable` when one of them is such that no try can succeed, and then nothing was written.
        """
        unique = entries.once_each(completions)
        if not unique:
            return 0
        try:
            return await self._store.atomically(lambda session: self._insert(unique, session))
        except _Known:
            return await self._write_known(unique)

    async def _write_known(self, news: dict[str, Completion]) -> int:
        for _ in range(TRIES):
            try:
                return await self._store.atomically(lambda session: self._unite(news, session))
            except _Known:
                continue
        raise StoreUnavailable("the ledger is written by too many at once", retry_after=1)

    async def _insert(self, fresh: dict[str, Completion], session: Session) -> int:
        tally = Tally()
        for completion in fresh.values():
            tally.add(completion)
        documents = [entries.document(completion) for completion in fresh.values()]
        # The rollups come first: writers who meet there find out before they have written their documents.
        with _refusals():
            await self._add(tally, session)
            await self._ledger.insert_many(documents, session=session)
            await self._pages.insert_many(pages.pages(map(entry_of, fresh.values())), session=session)
        return len(documents)

    async def _unite(self, news: dict[str, Completion], session: Session) -> int:
        known = {item["_id"]: entries.completion_of(item) for item in await self._find(list(news), session)}
        tally = Tally()
        writes: list[Any] = []
        changed: list[Entry] = []
        for id, completion in news.items():
            before = known.get(id)
            after = entries.merged(before, completion) if before else completion
            if after == before:
                continue
            document = entries.document(after)
            tally.add(after)
            changed.append(entry_of(after))
            if before is None:
                writes.append(InsertOne(document))
            else:
                tally.add(before, -1)
                changed.append(entry_of(before, -1))
                writes.append(ReplaceOne({"_id": id}, document))
        if writes:
            with _refusals():
                await self._add(tally, session)
                await self._ledger.bulk_write(writes, session=session)
                await self._pages.insert_many(pages.pages(changed), session=session)
        return len(writes)

    async def _add(self, tally: Tally, session: Session) -> None:
        writes = []
        for row, change in sorted(tally.rows().items(), key=itemgetter(0)):
            if increments := change.increments():
                update = {"$inc": increments, "$setOnInsert": change.identity()}
                writes.append(UpdateOne({"_id": row.text}, update, upsert=True))
        if writes:
            await self._rows.bulk_write(writes, session=session)

    async def _find(self, ids: Sequence[str], session: Session = None) -> list[Document]:
        found: list[Document] = []
        for start in range(0, len(ids), IN_ONE_QUESTION):
            some = list(ids[start : start + IN_ONE_QUESTION])
            found += await self._ledger.find({"_id": {"$in": some}}, session=session).to_list(length=None)
        return found

    async def spent(self, scope: Scope, since: float) -> int:
        """Return nano-dollars of a scope's completions that ended at or after `since`; 0 is for ever.

        Exact, whatever the moment. Raises `StoreUnavailable`.
        """
        return await self._spending.since(scope, since)

    async def key_spend(self, key: str) -> int:
        """Return what a key ever spent, in nano-dollars."""
        return await self.spent(Scope("key", key), 0)

    async def logs(
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
            documents = {item["_id"]: item for item in await self._find([id for _, id in listed])}
        return [entries.shown(documents[id]) for _, id in listed if id in documents]

    async def find(self, request_id: str) -> Document | None:
        """Return one request's document."""
        with translated():
            document: Document | None = await self._ledger.find_one({"_id": request_id})
        return entries.shown(document) if document else None


class _Known(Exception):
    """Some request of the batch is in the ledger already."""


def _standing(found: Iterable[Document], wanted: Wanted) -> set[Mark]:
    """Return the wanted requests on pages, without those that were taken back."""
    counts: dict[Entry, int] = {}
    for page in found:
        for entry in pages.entries_on(page):
            if wanted.includes(entry.owner) and wanted.failed in (None, entry.failed):
                place = entry._replace(sign=1)
                counts[place] = counts.get(place, 0) + entry.sign
    return {(entry.ended, entry.request) for entry, count in counts.items() if count > 0}


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell apart what a repeat would not change from everything else that a store says."""
    try:
        yield
    except OperationFailure as error:
        codes = _codes(error)
        if DUPLICATE_KEY in codes:
            raise _Known from None
        if REFUSED & codes:
            raise Unwritable("the store refuses a completion") from error
        raise
    except (BSONError, OverflowError) as error:
        raise Unwritable(f"a completion is no document: {error}") from error


def _codes(error: OperationFailure) -> set[int]:
    codes = {error.code or 0}
    if isinstance(error, BulkWriteError):
        codes |= {int(item.get("code", 0)) for item in (error.details or {}).get("writeErrors", ())}
    return codes
