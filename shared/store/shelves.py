"""A whole list in pages, however long it is: its objects stand on shelves in the order of their making.

A store may have to read all that lies before a page, or everything to count it. A shelf is never larger than `ROOM`,
and one document says how many objects stand on each, so any page is a few small questions by an index.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from shared.store.connection import Document, Session, Store, StoreUnavailable, translated

ROOM = 250
"""Objects that one shelf takes; places that become free stay so."""

SHELVED = ("keys", "users", "teams", "customers")
"""The collections whose objects stand on shelves."""

IN_ONE_WRITE = 1000


class Shelves:
    """Knows which shelf a new object of a collection goes on, and how many stand on each."""

    def __init__(self, store: Store, collection: str) -> None:
        self._id = collection
        self._counters = store.database.counters
        self._shelves = store.database.shelves

    async def place(self, number: int, session: Session) -> list[int]:
        """Return the shelves of so many new objects, which count from now on."""
        counter = await self._counters.find_one_and_update(
            {"_id": self._id}, {"$inc": {"number": number}}, return_document=True, session=session
        )
        if counter is None:
            raise StoreUnavailable("the database has not been set up; its indexes are made at every start")
        first = int(counter["number"]) - number
        shelves = [(first + index) // ROOM for index in range(number)]
        await self.count(Counter(shelves), session)
        return shelves

    async def count(self, changes: "Counter[int]", session: Session) -> None:
        """Count objects that were put on shelves, or with a minus taken from them."""
        moved = {f"on.{shelf}": number for shelf, number in changes.items() if number}
        if moved:
            await self._shelves.update_one({"_id": self._id}, {"$inc": moved}, session=session)

    async def on_each(self) -> dict[int, int]:
        """Return how many objects stand on each shelf that is not empty, the newest shelf first."""
        with translated():
            document = await self._shelves.find_one({"_id": self._id})
        counts = {int(shelf): int(number) for shelf, number in (document or {}).get("on", {}).items()}
        return {shelf: counts[shelf] for shelf in sorted(counts, reverse=True) if counts[shelf] > 0}


def shelves_of_page(on_each: Iterable[tuple[int, int]], skip: int, limit: int) -> tuple[list[int], int]:
    """Return the shelves that hold a page, in order, and how many objects on them come before it."""
    found: list[int] = []
    before, passed = 0, 0
    for shelf, number in on_each:
        if passed + number > skip and passed < skip + limit:
            if not found:
                before = skip - passed
            found.append(shelf)
        passed += number
    return found, before


async def shelve_all(store: Store) -> None:
    """Put objects on shelves that were stored before there were any; does nothing after the first time."""
    for collection in SHELVED:
        await _shelve(store, collection)


async def _shelve(store: Store, collection: str) -> None:
    """Put a collection's objects on shelves; whoever dies at it is no harm, for it begins anew at the next start."""
    database: Any = store.database
    if await database.counters.find_one({"_id": collection}) is not None:
        # Keys stood on shelves before others did, and were counted elsewhere.
        earlier = await database.key_shelves.find_one({"_id": collection})
        with suppress(DuplicateKeyError):
            await database.shelves.insert_one({"_id": collection, "on": (earlier or {}).get("on", {})})
        return
    stored = await database[collection].find({}, {"_id": 1, "created_at": 1}).to_list(length=None)
    ordered: Sequence[str] = [item["_id"] for item in sorted(stored, key=lambda item: float(item["created_at"]))]
    fields: Document = {"superseded_by": ""} if collection == "keys" else {}
    writes = [UpdateOne({"_id": id}, {"$set": {**fields, "shelf": index // ROOM}}) for index, id in enumerate(ordered)]
    for start in range(0, len(writes), IN_ONE_WRITE):
        await database[collection].bulk_write(writes[start : start + IN_ONE_WRITE], ordered=False)
    await store.atomically(lambda session: _begin(store, collection, len(ordered), session))


async def _begin(store: Store, collection: str, number: int, session: Session) -> None:
    """Let new objects come, behind those that stand on shelves; nothing where another process began before."""
    counters, shelves = store.database.counters, store.database.shelves
    if await counters.find_one({"_id": collection}, session=session) is None:
        on = Counter(str(index // ROOM) for index in range(number))
        await shelves.replace_one({"_id": collection}, {"on": dict(on)}, upsert=True, session=session)
        await counters.insert_one({"_id": collection, "number": number}, session=session)
