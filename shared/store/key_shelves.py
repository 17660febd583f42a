"""The whole list of keys in pages, however many there are: keys stand on shelves in the order of their making.

A store may have to read all that lies before a page, or all keys to count them. A shelf is never larger than `ROOM`,
and one document says how many keys stand on each, so any page is a few small questions by an index.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from pymongo.errors import DuplicateKeyError

from shared.store.connection import Session, Store, StoreUnavailable, translated

ROOM = 250
"""Keys that one shelf takes; places that become free stay so."""

_COUNTS = {"_id": "keys"}


class KeyShelves:
    """Knows which shelf a new key goes on, and how many keys stand on each."""

    def __init__(self, store: Store) -> None:
        self._counters = store.database.counters
        self._shelves = store.database.key_shelves

    async def place(self, number: int, session: Session) -> list[int]:
        """Return the shelves of so many new keys, which count from now on."""
        counter = await self._counters.find_one_and_update(
            {"_id": "keys"}, {"$inc": {"number": number}}, return_document=True, session=session
        )
        if counter is None:
            raise StoreUnavailable("the database has not been set up; its indexes are made at every start")
        first = int(counter["number"]) - number
        shelves = [(first + index) // ROOM for index in range(number)]
        await self.count(Counter(shelves), session)
        return shelves

    async def count(self, changes: "Counter[int]", session: Session) -> None:
        """Count keys that were put on shelves, or with a minus taken from them."""
        moved = {f"on.{shelf}": number for shelf, number in changes.items() if number}
        if moved:
            await self._shelves.update_one(_COUNTS, {"$inc": moved}, session=session)

    async def on_each(self) -> dict[int, int]:
        """Return how many keys stand on each shelf that is not empty, the newest shelf first."""
        with translated():
            document = await self._shelves.find_one(_COUNTS)
        counts = {int(shelf): int(number) for shelf, number in (document or {}).get("on", {}).items()}
        return {shelf: counts[shelf] for shelf in sorted(counts, reverse=True) if counts[shelf] > 0}


def shelves_of_page(on_each: Iterable[tuple[int, int]], skip: int, limit: int) -> tuple[list[int], int]:
    """Return the shelves that hold a page, in order, and how many keys on them come before it."""
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
    """Put keys on shelves that were stored before there were any; does nothing after the first time."""
    database: Any = store.database
    with suppress(DuplicateKeyError):
        await database.key_shelves.insert_one({**_COUNTS, "on": {}})
    try:
        await database.counters.insert_one({"_id": "keys", "number": 0})
    except DuplicateKeyError:
        return
    stored = await database["keys"].find({}, {"_id": 1, "created_at": 1}).to_list(length=None)
    ordered: Sequence[str] = [item["_id"] for item in sorted(stored, key=lambda item: float(item["created_at"]))]
    shelves = await KeyShelves(store).place(len(ordered), None) if ordered else []
    for id, shelf in zip(ordered, shelves, strict=True):
        await database["keys"].update_one({"_id": id}, {"$set": {"shelf": shelf, "superseded_by": ""}})
