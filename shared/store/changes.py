"""The numbered record of changes that caches follow."""

from shared.bus.changes import ChangesTooOld
from shared.schemas.control import Change, ChangeKind
from shared.store.connection import Store, translated

KEPT = 10_000
"""Changes that are remembered; whoever missed more starts with empty caches."""


class Changes:
    """Implements `shared.bus.changes.ChangeSource`."""

    def __init__(self, store: Store) -> None:
        self._counters = store.database.counters
        self._changes = store.database.changes

    async def record(self, kind: ChangeKind, id: str) -> Change:
        """Number a change. Call it after the object was written, so that whoever refreshes sees the new one."""
        with translated():
            counter = await self._counters.find_one_and_update(
                {"_id": "changes"}, {"$inc": {"number": 1}}, upsert=True, return_document=True
            )
            change = Change(int(counter["number"]), kind, id)
            await self._changes.insert_one({"_id": change.number, "number": change.number, "kind": kind, "id": id})
            await self._changes.delete_many({"number": change.number - KEPT})
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
        return sorted(
            (Change(item["number"], item["kind"], item["id"]) for item in found), key=lambda change: change.number
        )
