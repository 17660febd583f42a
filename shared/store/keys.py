"""Virtual keys, by the hash under which they are stored."""

from typing import Any

import msgspec

from shared.store.connection import Store, translated


class KeyRecord(msgspec.Struct, frozen=True):
    """A virtual key as it is stored; times are Unix seconds."""

    hash: str
    key_name: str
    created_at: float
    key_alias: str = ""
    models: tuple[str, ...] = ()
    blocked: bool = False
    expires: float | None = None
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    metadata: dict[str, Any] = {}
    created_by: str = ""


class Keys:
    """The collection of keys."""

    def __init__(self, store: Store) -> None:
        self._keys = store.database["keys"]

    async def find(self, hash: str) -> KeyRecord | None:
        """Return a key by its stored hash."""
        with translated():
            document = await self._keys.find_one({"_id": hash})
        return _record(document) if document else None

    async def insert(self, record: KeyRecord) -> None:
        """Store a new key."""
        document = msgspec.to_builtins(record)
        document["_id"] = document.pop("hash")
        with translated():
            await self._keys.insert_one(document)

    async def set_blocked(self, hash: str, blocked: bool) -> KeyRecord | None:
        """Block or unblock a key and return it as it is then."""
        with translated():
            document = await self._keys.find_one_and_update(
                {"_id": hash}, {"$set": {"blocked": blocked}}, return_document=True
            )
        return _record(document) if document else None

    async def delete(self, hash: str) -> bool:
        """Delete a key; tell whether it was there."""
        with translated():
            result = await self._keys.delete_one({"_id": hash})
        return bool(result.deleted_count)

    async def page(self, *, skip: int, limit: int) -> list[KeyRecord]:
        """Return keys, the newest first."""
        with translated():
            cursor = self._keys.find({}).sort("created_at", -1).skip(skip).limit(limit)
            return [_record(document) for document in await cursor.to_list(length=limit)]


def _record(document: dict[str, Any]) -> KeyRecord:
    return msgspec.convert({**document, "hash": document["_id"]}, KeyRecord)
