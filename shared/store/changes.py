"""The numbered record of changes that caches follow."""

from collections.abc import Sequence

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
            return (await self.record_all([(kind, id)], session))[0]
        return (await self._store.atomically(lambda session: self.record_all([(kind, id)], session)))[0]

    async def record_all(self, changed: Sequence[tuple[ChangeKind, str]], session: Session) -> list[Change]:
        """Number several changes in the transaction that writes their objects."""
        if not changed:
            return []
        with translated():
            counter = await self._counters.find_one_and_update(
                {"_id": "changes"}, {"$inc": {"number": len(changed)}}, return_document=True, session=session
            )
            if counter is None:
                raise StoreUnavailable("the database has not been set up; its indexes are made at every start")
            first = int(counter["number"]) - len(changed) + 1
            changes = [Change(first + index, kind, id) for index, (kind, id) in enumerate(changed)]
            await self._changes.insert_many(
                [{"_id": item.number, "number": item.number, "kind": item.kind, "id": item.id} for item in changes],
                session=session,
            )
            forgotten = {"$gte": first - KEPT, "$lte": changes[-1].number - KEPT}
            await self._changes.delete_many({"number": forgotten}, session=session)
        return changes

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
