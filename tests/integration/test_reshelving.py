"""Lists are put in the order of their making and counted right, while objects come and go."""

import asyncio

from shared.store.connection import Store
from shared.store.keys import KeyRecord, Keys
from shared.store.people import UserRecord, users
from shared.store.reshelving import Reshelved, reshelve
from shared.store.shelves import ROOM

MANY = ROOM + 50


def key(number: int, **facts: str) -> KeyRecord:
    """Return a key that was made at that second."""
    return KeyRecord(f"hash-{number:04}", "sk-...", float(number), **facts)


async def listed(store: Store) -> list[str]:
    """Return the ids of all users as pages show them, the newest first."""
    everybody = users(store)
    count = await everybody.count({})
    pages = [await everybody.page({}, skip=skip, limit=100) for skip in range(0, count, 100)]
    return [user.id for page in pages for user in page]


async def test_older_objects_that_came_later_stand_behind_the_newer_ones(store: Store) -> None:
    """As after an import; whoever is made meanwhile comes first, and a second run finds nothing to do."""
    everybody = users(store)
    for first in (MANY, 0):
        some = [UserRecord(f"u{number:04}", float(number)) for number in range(first, first + MANY)]
        await store.atomically(lambda session, some=some: everybody.insert_many(some, session))
    expected = [f"u{number:04}" for number in reversed(range(2 * MANY))]
    assert await listed(store) != expected

    async def meanwhile() -> None:
        for number in range(10):
            await everybody.insert(UserRecord(f"new{number}", 10_000.0 + number))

    await asyncio.gather(reshelve(store, "users"), meanwhile())
    assert await listed(store) == [f"new{number}" for number in reversed(range(10))] + expected
    await reshelve(store, "users")
    assert await listed(store) == [f"new{number}" for number in reversed(range(10))] + expected
    assert await reshelve(store, "users") == Reshelved(0, 0)


async def test_counts_that_an_older_version_left_wrong_are_set_right(store: Store) -> None:
    """Keys without a place, counts of shelves and of owners; a key whose place another one took counts nowhere."""
    keys, database = Keys(store), store.database
    await keys.insert_many([key(number, user_id="ann") for number in range(MANY)])
    await keys.insert(key(9_000, user_id="ann", superseded_by="hash-0001"))
    await database["keys"].update_many({"_id": {"$in": ["hash-0003", "hash-0299"]}}, {"$unset": {"shelf": 1}})
    await database["keys"].update_one({"_id": "hash-0005"}, {"$unset": {"superseded_by": 1}})
    await database.shelves.update_one({"_id": "keys"}, {"$set": {"on.0": 7, "on.5": 3}})
    await database.key_counts.update_one({"_id": "user_id\x1fann"}, {"$set": {"number": 1}})
    await database.key_counts.insert_one({"_id": "team_id\x1fgone", "number": 4})
    done = await reshelve(store, "keys")
    assert done.moved > 0
    assert done.recounted > 0
    assert await keys.on_shelves() == {1: MANY - ROOM, 0: ROOM}
    assert [item.hash for item in await keys.shelf(1)] == [
        f"hash-{number:04}" for number in range(MANY - 1, ROOM - 1, -1)
    ]
    assert await keys.counts("user_id", ["ann"]) == {"ann": MANY}
    assert await keys.counts("team_id", ["gone"]) == {"gone": 0}
    assert await reshelve(store, "keys") == Reshelved(0, 0)
