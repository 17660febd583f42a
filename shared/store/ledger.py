"""The ledger: one document per request, and rollups that change with it or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from bson.errors import BSONError
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from shared.errors import Conflict, InternalError
from shared.schemas.events import Completion
from shared.schemas.scopes import Scope
from shared.store import entries, pages
from shared.store.connection import Session, Store, StoreUnavailable, translated
from shared.store.ledger_pause import writing
from shared.store.listing import Listing
from shared.store.pages import Entry, entry_of
from shared.store.reports import Reports
from shared.store.spending import Spending
from shared.store.sums import Tally

TRIES = 4
"""Times that a batch with known requests is begun anew because another writer added some meanwhile."""

DUPLICATE_KEY = 11000

REFUSED = {2, 121, 10334, 17280}
"""MongoDB's codes for a value that it never takes: bad, not valid, too large, too large for a key."""


class Unwritable(InternalError):
    """The store refuses a completion for what it is; another try would end the same way."""


class Ledger:
    """Writes completions exactly once per request id, through any redelivery; and has who reads them.

    The documents, their rollups and the pages that list them are one transaction, so no crash and no replay
    tells them apart (docs/adr/0007-ledger-writes.md).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ledger = store.database.ledger
        self._rows = store.database.rollups
        self._pages = store.database.ledger_pages
        self._spending = Spending(store)
        self.listing = Listing(store)
        self.reports = Reports(store)

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

    async def add(self, completions: Sequence[Completion], session: Session) -> None:
        """Write completions that are new within somebody else's transaction; raise `Conflict` where one is not."""
        if not completions:
            return
        with translated():
            try:
                await self._insert(entries.once_each(completions), session)
            except _Known:
                raise Conflict("The ledger has one of these requests already.") from None

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
        # The rows come first: writers who meet there find out before they have written their documents.
        with _refusals():
            await writing(self._store, session)
            await self._add(tally, session)
            await self._ledger.insert_many(documents, session=session)
            await self._pages.insert_many(pages.pages(map(entry_of, fresh.values())), session=session)
        return len(documents)

    async def _unite(self, news: dict[str, Completion], session: Session) -> int:
        await writing(self._store, session)
        known = {item["_id"]: entries.completion_of(item) for item in await self.listing.raw(list(news), session)}
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

    async def spent(self, scope: Scope, since: float) -> int:
        """Return nano-dollars of a scope's completions that ended at or after `since`; 0 is for ever.

        Exact, whatever the moment. Raises `StoreUnavailable`.
        """
        return await self._spending.since(scope, since)

    async def key_spend(self, key: str) -> int:
        """Return what a key ever spent, in nano-dollars."""
        return await self.spent(Scope("key", key), 0)


class _Known(Exception):
    """Some request of the batch is in the ledger already."""


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
