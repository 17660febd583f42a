"""How many keys users, teams and organizations have: counted by each change, since a store reads all to count them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Literal

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from shared.schemas.scopes import SEPARATOR
from shared.store.by_ids import documents_by_id
from shared.store.connection import Document, Session, Store, translated

OwnerField = Literal["user_id", "team_id", "organization_id"]
OWNER_FIELDS: tuple[OwnerField, ...] = ("user_id", "team_id", "organization_id")

COUNTED: dict[str, int] = {"superseded_by": 1, "user_id": 1, "team_id": 1, "organization_id": 1}
"""The fields of a key that say for whom it counts, as a projection."""

BEGUN = {"_id": "begun"}
"""The document that says that keys are counted."""

IN_ONE_WRITE = 1000


class KeyCounts:
    """Counts keys by whose they are; a key whose place another one took does not count."""

    def __init__(self, store: Store) -> None:
        self._counts = store.database.key_counts

    async def count(self, changes: "Counter[str]", session: Session) -> None:
        """Add what `owners_of` gave of new keys, and take away, with a minus, what it gave of old ones."""
        writes = [
            UpdateOne({"_id": owner}, {"$inc": {"number": number}}, upsert=True)
            for owner, number in sorted(changes.items())
            if number
        ]
        if writes:
            await self._counts.bulk_write(writes, session=session)

    async def of(self, field: OwnerField, ids: Sequence[str]) -> dict[str, int]:
        """Return how many keys each of these has; raises `StoreUnavailable`."""
        names = {owner_name(field, id): id for id in ids}
        with translated():
            documents = await documents_by_id(self._counts, list(names))
        return dict.fromkeys(ids, 0) | {names[document["_id"]]: int(document["number"]) for document in documents}


def owner_name(field: OwnerField, id: str) -> str:
    """Return the id under which an owner's keys are counted."""
    return f"{field}{SEPARATOR}{id}"


def owners_of(documents: Iterable[Document]) -> "Counter[str]":
    """Return how often each owner has one of these keys."""
    found: Counter[str] = Counter()
    for document in documents:
        if not document.get("superseded_by"):
            found.update(owner_name(field, document[field]) for field in OWNER_FIELDS if document.get(field))
    return found


async def count_all(store: Store) -> None:
    """Count keys that were stored before they were counted; does nothing after the first time."""
    database: Any = store.database
    if await database.key_counts.find_one(BEGUN) is not None:
        return
    counts = owners_of(await database["keys"].find({}, COUNTED).to_list(length=None))
    writes = [UpdateOne({"_id": owner}, {"$set": {"number": number}}, upsert=True) for owner, number in counts.items()]
    for start in range(0, len(writes), IN_ONE_WRITE):
        await database.key_counts.bulk_write(writes[start : start + IN_ONE_WRITE], ordered=False)
    with suppress(DuplicateKeyError):
        await database.key_counts.insert_one(BEGUN)
