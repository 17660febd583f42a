"""Puts whole lists right while everything runs: objects in the order of their making, and their counts.

Shelves follow the order in which objects came to this store. An import brings older ones later, and during a rolling
upgrade an older version writes what a newer one counts. Each step here is a transaction of its own that moves objects
and counts together, so that lists are whole at any moment and whoever dies at it leaves no harm.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from pymongo import UpdateOne

from shared.store.by_ids import documents_by_id
from shared.store.connection import Document, Session, Store, translated
from shared.store.key_counts import BEGUN, COUNTED, OWNER_FIELDS, owners_of
from shared.store.shelves import ROOM

IN_ONE_STEP = 100
"""Objects that are moved by one transaction; it holds up other writers."""

IN_ONE_BATCH = 1000

Told = Callable[[str, int], None]


class Reshelved(NamedTuple):
    """What was set right in one collection."""

    moved: int
    """Objects that stand on another shelf now."""
    recounted: int
    """Counts that were wrong: of shelves, and of keys the counts by user, team and organization."""


async def reshelve(store: Store, collection: str, told: Told = lambda _, __: None) -> Reshelved:
    """Set a collection's shelves right; `told` hears of each object that was looked at.

    It keeps the ids of the whole collection in memory, some 250 bytes each. Raises `StoreUnavailable`.
    """
    listed, owners = await _listed(store, collection, told)
    await store.atomically(partial(_leave_room, store, collection, len(listed)))
    wrong = [(item.id, place // ROOM) for place, item in enumerate(listed) if item.shelf != place // ROOM]
    moved = 0
    for start in range(0, len(wrong), IN_ONE_STEP):
        moved += await _move(store, collection, wrong[start : start + IN_ONE_STEP])
    recounted = await _recount(store, collection, {place // ROOM for place in range(0, len(listed), ROOM)})
    if collection == "keys":
        recounted += await _recount_owners(store, owners)
    return Reshelved(moved, recounted)


class _Standing(NamedTuple):
    made: float
    id: str
    shelf: int
    """-1 for an object that an older version wrote, without a place."""


async def _listed(store: Store, collection: str, told: Told) -> tuple[list[_Standing], "Counter[str]"]:
    """Return what stands in the list, in the order in which it should, and of keys how many each owner has."""
    fields = {"created_at": 1, "shelf": 1} | (COUNTED if collection == "keys" else {})
    found: list[_Standing] = []
    owners: Counter[str] = Counter()
    with translated():
        async for item in store.database[collection].find({}, fields).batch_size(IN_ONE_BATCH):
            told(collection, 1)
            if collection == "keys":
                owners.update(owners_of([item]))
            if not item.get("superseded_by"):
                placed = "shelf" in item and (collection != "keys" or "superseded_by" in item)
                found.append(_Standing(float(item["created_at"]), item["_id"], int(item["shelf"]) if placed else -1))
    return sorted(found), owners


async def _leave_room(store: Store, collection: str, number: int, session: Session) -> None:
    """See to it that new objects come behind all that are there."""
    counters = store.database.counters
    counter = await counters.find_one({"_id": collection}, session=session)
    if counter is not None and int(counter["number"]) < number:
        await counters.update_one({"_id": collection}, {"$set": {"number": number}}, session=session)


async def _move(store: Store, collection: str, wanted: Sequence[tuple[str, int]]) -> int:
    """Put objects on their shelves; one that is gone meanwhile, or whose place another key took, stays as it is."""
    places = dict(wanted)
    documents, shelves = store.database[collection], store.database.shelves

    async def move(session: Session) -> int:
        found = await documents_by_id(documents, list(places), session)
        present = [item for item in found if not item.get("superseded_by")]
        changes: Counter[int] = Counter(places[item["_id"]] for item in present)
        changes.subtract(int(item["shelf"]) for item in present if "shelf" in item)
        more: Document = {"superseded_by": ""} if collection == "keys" else {}
        ids = [item["_id"] for item in present]
        writes = [UpdateOne({"_id": id}, {"$set": {"shelf": places[id], **more}}) for id in ids]
        moved = {f"on.{shelf}": number for shelf, number in changes.items() if number}
        if writes:
            await documents.bulk_write(writes, session=session)
        if moved:
            await shelves.update_one({"_id": collection}, {"$inc": moved}, session=session)
        return len(writes)

    return await store.atomically(move)


async def _recount(store: Store, collection: str, used: set[int]) -> int:
    """Write the number of objects on each shelf whose count is wrong; return how many were."""
    with translated():
        on = _on(await store.database.shelves.find_one({"_id": collection}))
        counter = await store.database.counters.find_one({"_id": collection}) or {}
    # What was made meanwhile stands on one of the last shelves.
    newest = int(counter.get("number", 0)) // ROOM
    corrected = 0
    for shelf in sorted({*on, *used, newest}):
        with translated():
            number = await _standing(store, collection, shelf, None)
        if number != on.get(shelf, 0):
            corrected += await store.atomically(partial(_set, store, collection, shelf))
    return corrected


async def _set(store: Store, collection: str, shelf: int, session: Session) -> int:
    shelves = store.database.shelves
    before = _on(await shelves.find_one({"_id": collection}, session=session)).get(shelf, 0)
    number = await _standing(store, collection, shelf, session)
    if number == before:
        return 0
    await shelves.update_one({"_id": collection}, {"$set": {f"on.{shelf}": number}}, session=session)
    return 1


async def _standing(store: Store, collection: str, shelf: int, session: Session) -> int:
    query: Document = {"shelf": shelf} | ({"superseded_by": ""} if collection == "keys" else {})
    return len(await store.database[collection].find(query, {"_id": 1}, session=session).to_list(length=None))


def _on(document: Mapping[str, Any] | None) -> dict[int, int]:
    return {int(shelf): int(number) for shelf, number in (document or {}).get("on", {}).items()}


async def _recount_owners(store: Store, counted: "Counter[str]") -> int:
    """Write how many keys each user, team and organization has where the count is wrong; return how many were."""
    with translated():
        known = await store.database.key_counts.find({}).to_list(length=None)
    kept = {item["_id"]: int(item["number"]) for item in known if item["_id"] != BEGUN["_id"]}
    corrected = 0
    for owner in sorted({*counted, *kept}):
        if counted[owner] != kept.get(owner, 0):
            corrected += await store.atomically(partial(_set_owner, store, owner))
    return corrected


async def _set_owner(store: Store, owner: str, session: Session) -> int:
    counts = store.database.key_counts
    field = next(name for name in OWNER_FIELDS if owner.startswith(name))
    query = {field: owner[len(field) + 1 :]}
    found = await store.database["keys"].find(query, COUNTED, session=session).to_list(length=None)
    before = await counts.find_one({"_id": owner}, session=session) or {}
    number = owners_of(found)[owner]
    if number == int(before.get("number", 0)):
        return 0
    await counts.update_one({"_id": owner}, {"$set": {"number": number}}, upsert=True, session=session)
    return 1
