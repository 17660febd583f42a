"""Virtual keys, by the hash under which they are stored."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from shared.errors import Conflict
from shared.schemas.limits import Limits
from shared.store.by_ids import documents_by_id
from shared.store.connection import Document, Session, Store, translated
from shared.store.key_counts import COUNTED, KeyCounts, OwnerField, owners_of
from shared.store.objects import is_duplicate
from shared.store.shelves import Shelves

_AS_TEXT = ("metadata", "ignored", "limits", "aliases", "permissions")
"""Fields with names of the operator's choice: kept as JSON, so that no name means anything to the database."""

MOST_SUPERSEDED = 100
"""Keys that one key was before and that may still work."""


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
    updated_at: float = 0.0
    updated_by: str = ""
    ignored: dict[str, Any] = {}
    """LiteLLM's fields that mean nothing to Tollway, kept as they came."""
    account: str = ""
    """The first stored hash of a key that was regenerated: the ledger and the limiter go on knowing it by that."""
    superseded_by: str = ""
    """The stored hash of the key that took its place; it works until `expires`."""
    limits: Limits = Limits()
    budget_id: str = ""
    aliases: dict[str, str] = {}
    """What the key's callers may say for a model group."""
    tags: tuple[str, ...] = ()
    """Labels of every request in the ledger."""
    permissions: dict[str, Any] = {}
    allowed_routes: tuple[str, ...] = ()
    """Routes, or groups of them, that the key may call; empty means all that its role may."""
    allowed_addresses: tuple[str, ...] = ()
    """Networks from which it works; empty means all."""
    guardrails: tuple[str, ...] = ()
    """Guardrails that run on its requests beside the default ones."""
    enforced_params: tuple[str, ...] = ()
    """Fields that every request must have."""
    wait_for_room: float = 0.0
    """Seconds that a request waits for its turn where a limit stands in the way."""
    service_account: bool = False
    declared: bool = False
    """True where the configuration file says it; the API changes nothing of it."""
    shelf: int = 0
    """Where it stands in the whole list (`shelves`); the store says it."""

    @property
    def id(self) -> str:
        """What the ledger and the limiter know it by."""
        return self.account or self.hash


class KeyFilter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which keys to list; an empty field asks for nothing."""

    hash: str = ""
    key_alias: str = ""
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""

    def but(self, **ids: str) -> "KeyFilter":
        """Return the same filter with other ids."""
        return msgspec.structs.replace(self, **ids)


class Keys:
    """The collection of keys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = store.database["keys"]
        self._shelves = Shelves(store, "keys")
        self._counts = KeyCounts(store)

    async def find(self, hash: str, session: Session = None) -> KeyRecord | None:
        """Return a key by its stored hash."""
        with translated():
            document = await self._keys.find_one({"_id": hash}, session=session)
        return _record(document) if document else None

    async def find_many(self, hashes: Sequence[str], session: Session = None) -> dict[str, KeyRecord]:
        """Return the keys that exist, by their stored hashes, in the order of the hashes."""
        with translated():
            documents = await documents_by_id(self._keys, hashes, session)
        found = {document["_id"]: _record(document) for document in documents}
        return {hash: found[hash] for hash in hashes if hash in found}

    async def find_by_id(self, hashes: Sequence[str], session: Session = None) -> KeyRecord | None:
        """Return the key that one of the stored hashes means: its own, or the first one of a key made anew since."""
        for hash in hashes:
            record = await self.find(hash, session)
            if record is not None:
                return record
        for hash in hashes:
            with translated():
                query = {"account": hash, "superseded_by": ""}
                document = await self._keys.find_one(query, session=session)
            if document:
                return _record(document)
        return None

    async def superseded(self, record: KeyRecord, session: Session) -> list[KeyRecord]:
        """Return the keys whose place this one took; they work until they expire."""
        with translated():
            found = self._keys.find({"account": record.id, "_id": {"$ne": record.hash}}, session=session)
            documents = await found.to_list(length=MOST_SUPERSEDED)
        return [_record(document) for document in documents]

    async def find_by_alias(self, alias: str, session: Session = None) -> KeyRecord | None:
        """Return the key of that alias; an alias belongs to one key."""
        with translated():
            document = await self._keys.find_one({"key_alias": alias}, session=session) if alias else None
        return _record(document) if document else None

    async def insert(self, record: KeyRecord, session: Session = None) -> None:
        """Store a new key; raise `Conflict` when the key or its alias exists."""
        await self.insert_many([record], session)

    async def insert_many(self, records: Sequence[KeyRecord], session: Session = None) -> None:
        """Store new keys, in the order of their making; raise `Conflict` when a key or its alias exists."""
        if session is None:
            await self._store.atomically(lambda session: self.insert_many(records, session))
            return
        with translated():
            shelves = await self._shelves.place(len(records), session)
            placed = [msgspec.structs.replace(item, shelf=shelf) for item, shelf in zip(records, shelves, strict=True)]
            await self._write_new(placed, session)

    async def insert_anew(self, record: KeyRecord, session: Session) -> None:
        """Store a key that takes the place of another one in lists: `record` has its shelf."""
        with translated():
            await self._write_new([record], session)

    async def _write_new(self, records: Sequence[KeyRecord], session: Session) -> None:
        documents = [_document(record) for record in records]
        await self._counts.count(owners_of(documents), session)
        try:
            await self._keys.insert_many(documents, session=session)
        except BulkWriteError as error:
            if is_duplicate(error):
                raise _taken(records[0], error) from None
            raise

    async def replace(self, record: KeyRecord, session: Session) -> None:
        """Write a key that was read by the same session; raise `Conflict` when another key has its alias."""
        document = _document(record)
        with translated():
            changes = owners_of([document])
            changes.subtract(
                owners_of([await self._keys.find_one({"_id": record.hash}, COUNTED, session=session) or {}])
            )
            await self._counts.count(changes, session)
            try:
                await self._keys.replace_one({"_id": record.hash}, document, session=session)
            except DuplicateKeyError as error:
                raise _taken(record, error) from None

    async def set_blocked(
        self, hash: str, blocked: bool, *, at: float = 0.0, by: str = "", session: Session = None
    ) -> KeyRecord | None:
        """Block or unblock a key and return it as it is then."""
        change = {"blocked": blocked, "updated_at": at, "updated_by": by}
        with translated():
            document = await self._keys.find_one_and_update(
                {"_id": hash}, {"$set": change}, return_document=True, session=session
            )
        return _record(document) if document else None

    async def delete(self, hash: str, session: Session = None, *, superseded: bool = False) -> bool:
        """Delete a key; tell whether it was there. One whose place another key took stays counted in lists."""
        with translated():
            document = await self._keys.find_one_and_delete({"_id": hash}, session=session)
            gone: Counter[str] = Counter()
            gone.subtract(owners_of([document or {}]))
            await self._counts.count(gone, session)
            if document and not superseded and not document.get("superseded_by"):
                await self._shelves.count(Counter({int(document.get("shelf", 0)): -1}), session)
        return bool(document)

    async def all_of(self, only: KeyFilter, *, limit: int, session: Session = None) -> list[KeyRecord]:
        """Return up to `limit` keys, the newest first, those included whose place another key took."""
        with translated():
            cursor = self._keys.find(_query(only), session=session).sort("created_at", -1).limit(limit)
            return [_record(document) for document in await cursor.to_list(length=limit)]

    async def delete_all_of(self, only: KeyFilter, session: Session) -> int:
        """Delete the keys that a filter names; one that asks for nothing is no filter. Return how many there were."""
        query = _query(only)
        if not query:
            raise ValueError("a filter that asks for nothing would delete every key")
        with translated():
            listed = {**query, "superseded_by": ""}
            found = await self._keys.find(listed, {"shelf": 1, **COUNTED}, session=session).to_list(length=None)
            result = await self._keys.delete_many(query, session=session)
            gone: Counter[int] = Counter()
            gone.subtract(int(item.get("shelf", 0)) for item in found)
            await self._shelves.count(gone, session)
            lost: Counter[str] = Counter()
            lost.subtract(owners_of(found))
            await self._counts.count(lost, session)
        return int(result.deleted_count)

    async def on_shelves(self) -> dict[int, int]:
        """Return how many keys stand on each shelf of the whole list, the newest shelf first."""
        return await self._shelves.on_each()

    async def shelf(self, number: int) -> list[KeyRecord]:
        """Return the keys of one shelf, the newest first."""
        with translated():
            found = await self._keys.find({"shelf": number, "superseded_by": ""}).to_list(length=None)
        return sorted(map(_record, found), key=_newest_first)

    async def where(self, only: KeyFilter, *, limit: int, skip: int = 0) -> list[KeyRecord]:
        """Return keys that a filter with an id in it names, the newest first."""
        query = {**_query(only), "superseded_by": ""}
        with translated():
            cursor = self._keys.find(query).sort("created_at", -1).skip(skip).limit(limit)
            return [_record(document) for document in await cursor.to_list(length=limit)]

    async def hashes(self, only: KeyFilter) -> list[str]:
        """Return the stored hashes of all keys that a filter with an id in it names, the newest first.

        The store reads them all to sort them, so they are their own count.
        """
        query = {**_query(only), "superseded_by": ""}
        with translated():
            found = await self._keys.find(query, {"created_at": 1}).sort("created_at", -1).to_list(length=None)
        return [document["_id"] for document in found]

    async def count(self) -> int:
        """Return how many keys there are."""
        return sum((await self.on_shelves()).values())

    async def counts(self, field: OwnerField, ids: Sequence[str]) -> dict[str, int]:
        """Return how many keys each of some users, teams or organizations has."""
        return await self._counts.of(field, ids)


def _newest_first(record: KeyRecord) -> tuple[float, str]:
    return -record.created_at, record.hash


def _query(only: KeyFilter) -> Document:
    """Return the query of a filter; its values are text by type, so no operator can stand in one."""
    wanted: Document = msgspec.to_builtins(only)
    if "hash" in wanted:
        wanted["_id"] = wanted.pop("hash")
    return wanted


def _document(record: KeyRecord) -> Document:
    document: Document = msgspec.to_builtins(record)
    document["_id"] = document.pop("hash")
    return document | {name: msgspec.json.encode(document[name]).decode() for name in _AS_TEXT}


def _taken(record: KeyRecord, error: PyMongoError) -> Conflict:
    if record.key_alias and "key_alias" in str(error):
        return Conflict(f"A key with the alias '{record.key_alias}' exists already.", param="key_alias")
    return Conflict("This key exists already.", param="key")


def _record(document: Document) -> KeyRecord:
    texts = {name: msgspec.json.decode(document[name]) for name in _AS_TEXT if name in document}
    return msgspec.convert({**document, **texts, "hash": document["_id"]}, KeyRecord)
