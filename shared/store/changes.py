"""The numbered record of changes that caches follow."""

from shared.bus.changes import ChangesTooOld
from shared.schemas.control import Change, ChangeKind
from shared.store.connection import Session, Store, StoreUnavailable, translated

KEPT = 10_000
"""Changes that are remembered; whoever missed more starts with empty caches."""


class Changes:
    """Implements `shared.bus.changes.ChangeSource`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counters = store.database.counters
        self._changes = store.database.changes

    async def record(self, kind: ChangeKind, id: str, session: Session = None) -> Change:
        """Number a change, in the transaction that writes the object, or else after the object was written.

        Whoever refreshes sees the new object with the number. Numbers follow each other without a gap, since
        a number and its change are written together or not at all.
        """
        if session is not None:
            return await self._record(kind, id, session)
        return await self._store.atomically(lambda session: self._record(kind, id, session))

    async def _record(self, kind: ChangeKind, id: str, session: Session) -> Change:
        with translated():
            counter = await self._counters.find_one_and_update(
                {"_id": "changes"}, {"$inc": {"number": 1}}, return_document=True, session=session
            )
            if counter is None:
                raise StoreUnavailable("the database has not been set up; its indexes are made at every start")
            change = Change(int(counter["number"]), kind, id)
            document = {"_id": change.number, "number": change.number, "kind": kind, "id": id}
            await self._changes.insert_one(document, session=session)
            await self._changes.delete_many({"number": change.number - KEPT}, session=session)
        return change

    async def latest(self) -> int:
        """Return the number of the last change, 0 before the first."""
        with translated():
            counter = await self._counters.find_one({"_id": "changes"})
        return int(counter["number"]) if counter else 0

    async def since(self, number: int) -> list[Change]:
        """Return the changes after `number`, in order; raise `ChangesTooOld` when not all are remembered."""
        last = await self.latest()
        if last == number:
            return []
        if last - number >= KEPT or last < number:
            raise ChangesTooOld(number)
        with translated():
            found = await self._changes.find({"number": {"$gt": number, "$lte": last}}).to_list(length=KEPT)
        if len(found) != last - number:
            raise ChangesTooOld(number)
        return sorted(
            (Change(item["number"], item["kind"], item["id"]) for item in found), key=lambda change: change.number
        )
