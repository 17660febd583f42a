"""Virtual keys, by the hash under which they are stored."""

from typing import Any

import msgspec
from pymongo.errors import DuplicateKeyError

from shared.errors import Conflict
from shared.schemas.limits import Limits
from shared.store.connection import Document, Session, Store, translated

_AS_TEXT = ("metadata", "ignored", "limits", "aliases", "permissions")
"""Fields with names of the operator's choice: kept as JSON, so that no name means anything to the database."""


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

    def with_hash(self, hash: str) -> "KeyFilter":
        """Return the same filter for one key."""
        return msgspec.structs.replace(self, hash=hash)


class Keys:
    """The collection of keys."""

    def __init__(self, store: Store) -> None:
        self._keys = store.database["keys"]

    async def find(self, hash: str, session: Session = None) -> KeyRecord | None:
        """Return a key by its stored hash."""
        with translated():
            document = await self._keys.find_one({"_id": hash}, session=session)
        return _record(document) if document else None

    async def find_by_alias(self, alias: str, session: Session = None) -> KeyRecord | None:
        """Return the key of that alias; an alias belongs to one key."""
        with translated():
            document = await self._keys.find_one({"key_alias": alias}, session=session) if alias else None
        return _record(document) if document else None

    async def insert(self, record: KeyRecord, session: Session = None) -> None:
        """Store a new key; raise `Conflict` when the key or its alias exists."""
        document = msgspec.to_builtins(record)
        document["_id"] = document.pop("hash")
        document |= {name: msgspec.json.encode(document[name]).decode() for name in _AS_TEXT}
        with translated():
            try:
                await self._keys.insert_one(document, session=session)
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

    async def delete(self, hash: str, session: Session = None) -> bool:
        """Delete a key; tell whether it was there."""
        with translated():
            result = await self._keys.delete_one({"_id": hash}, session=session)
        return bool(result.deleted_count)

    async def all_of(self, only: KeyFilter, *, limit: int, session: Session = None) -> list[KeyRecord]:
        """Return up to `limit` keys, the newest first."""
        with translated():
            cursor = self._keys.find(_query(only), session=session).sort("created_at", -1).limit(limit)
            return [_record(document) for document in await cursor.to_list(length=limit)]

    async def delete_all_of(self, only: KeyFilter, session: Session) -> int:
        """Delete the keys that a filter names; one that asks for nothing is no filter. Return how many there were."""
        query = _query(only)
        if not query:
            raise ValueError("a filter that asks for nothing would delete every key")
        with translated():
            result = await self._keys.delete_many(query, session=session)
        return int(result.deleted_count)

    async def page(self, *, skip: int, limit: int, only: KeyFilter = KeyFilter()) -> list[KeyRecord]:  # noqa: B008
        """Return keys, the newest first."""
        with translated():
            cursor = self._keys.find(_query(only)).sort("created_at", -1).skip(skip).limit(limit)
            return [_record(document) for document in await cursor.to_list(length=limit)]

    async def count(self, only: KeyFilter = KeyFilter()) -> int:  # noqa: B008
        """Return how many keys there are."""
        with translated():
            return int(await self._keys.count_documents(_query(only)))


def _query(only: KeyFilter) -> Document:
    """Return the query of a filter; its values are text by type, so no operator can stand in one."""
    wanted: Document = msgspec.to_builtins(only)
    if "hash" in wanted:
        wanted["_id"] = wanted.pop("hash")
    return wanted


def _taken(record: KeyRecord, error: DuplicateKeyError) -> Conflict:
    if record.key_alias and "key_alias" in str(error):
        return Conflict(f"A key with the alias '{record.key_alias}' exists already.", param="key_alias")
    return Conflict("This key exists already.", param="key")


def _record(document: Document) -> KeyRecord:
    texts = {name: msgspec.json.decode(document[name]) for name in _AS_TEXT if name in document}
    return msgspec.convert({**document, **texts, "hash": document["_id"]}, KeyRecord)
