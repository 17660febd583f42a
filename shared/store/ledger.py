"""The ledger: one document per request, and rollups that change with it or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from shared.errors import InternalError
from shared.schemas.events import Completion
from shared.store import entries
from shared.store.connection import Document, Session, Store, StoreUnavailable, translated

TRIES = 4
"""Times that a batch with known requests is begun anew because another writer added some meanwhile."""

IN_ONE_QUESTION = 50
"""Documents asked for by one query: the embedded store's time for a list of ids grows with its square."""

DUPLICATE_KEY = 11000

REFUSED = {2, 121, 10334, 17280}
"""MongoDB's codes for a value that it never takes: bad, not valid, too large, too large for a key."""


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
        self._rollups = store.database.rollups
        self._pages = store.database.ledger_pages

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
        tally = entries.Tally()
        documents = []
        for completion in fresh.values():
            document = entries.document(completion)
            documents.append(document)
            tally.add(completion, document)
        # The rollups come first: writers who meet there find out before they have written their documents.
        with _refusals():
            await self._add(tally, session)
            await self._ledger.insert_many(documents, session=session)
            await self._pages.insert_many(entries.pages(fresh.values()), session=session)
        return len(documents)

    async def _unite(self, news: dict[str, Completion], session: Session) -> int:
        known = {item["_id"]: entries.completion_of(item) for item in await self._find(list(news), session)}
        tally = entries.Tally()
        writes: list[Any] = []
        changed: list[Completion] = []
        for id, completion in news.items():
            before = known.get(id)
            after = entries.merged(before, completion) if before else completion
            if after == before:
                continue
            document = entries.document(after)
            tally.add(after, document)
            changed.append(after)
            if before is None:
                writes.append(InsertOne(document))
            else:
                tally.add(before, entries.document(before), -1)
                writes.append(ReplaceOne({"_id": id}, document))
        if writes:
            with _refusals():
                await self._add(tally, session)
                await self._ledger.bulk_write(writes, session=session)
                await self._pages.insert_many(entries.pages(changed), session=session)
        return len(writes)

    async def _add(self, tally: entries.Tally, session: Session) -> None:
        writes = [
            UpdateOne(
                {"_id": f"{scope}:{day}:{id}"},
                {"$inc": amounts, "$setOnInsert": {"scope": scope, "id": id, "day": day}},
                upsert=True,
            )
            for (scope, id, day), amounts in sorted(tally.moved())
        ]
        if writes:
            await self._rollups.bulk_write(writes, session=session)

    async def _find(self, ids: Sequence[str], session: Session = None) -> list[Document]:
        found: list[Document] = []
        for start in range(0, len(ids), IN_ONE_QUESTION):
            some = list(ids[start : start + IN_ONE_QUESTION])
            found += await self._ledger.find({"_id": {"$in": some}}, session=session).to_list(length=None)
        return found

    async def key_spend(self, key: str) -> int:
        """Return what a key spent, in nano-dollars."""
        with translated():
            days = await self._rollups.find({"scope": "key", "id": key}, {"spend": 1}).to_list(length=None)
        return sum(int(day.get("spend", 0)) for day in days)

    async def logs(self, *, key: str | None, since: float, until: float, limit: int) -> list[Document]:
        """Return documents whose request ended in the window (`until` excluded), the newest first.

        It walks back from `until` over the pages, in steps that grow, until it has enough.
        """
        scope, id = ("all", "") if key is None else ("key", key)
        last, step = entries.minute(until), 1
        first = entries.minute(since)
        listed: dict[str, float] = {}
        with translated():
            while last >= first and len(listed) < limit:
                begin = max(first, last - step + 1)
                query = {"scope": scope, "id": id, "minute": {"$gte": begin, "$lte": last}}
                for page in await self._pages.find(query, {"ended": 1, "requests": 1}).to_list(length=None):
                    listed |= _within(page, since, until)
                last, step = begin - 1, step * 4
            newest = sorted(listed, key=lambda request: listed[request], reverse=True)[:limit]
            documents = [entries.shown(item) for item in await self._find(newest)]
        inside = (document for document in documents if since <= document["ended"] < until)
        return sorted(inside, key=lambda document: float(document["ended"]), reverse=True)

    async def find(self, request_id: str) -> Document | None:
        """Return one request's document."""
        with translated():
            document: Document | None = await self._ledger.find_one({"_id": request_id})
        return entries.shown(document) if document else None


class _Known(Exception):
    """Some request of the batch is in the ledger already."""


def _within(page: Document, since: float, until: float) -> dict[str, float]:
    listed: Iterable[tuple[str, float]] = zip(page["requests"], page["ended"], strict=True)
    return {request: ended for request, ended in listed if since <= ended < until}


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
