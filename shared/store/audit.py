"""Who changed what, when, from where: one entry per change, never altered."""

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from shared.store.connection import Document, Session, Store, translated

Snapshot = dict[str, Any]
"""An object as the API shows it, so that it holds no secret."""


class AuditEntry(msgspec.Struct, frozen=True):
    """One change; `at` in Unix seconds."""

    at: float
    actor: str
    """The stored hash of the key that asked, or `master key`."""
    actor_name: str
    """The alias or the masked form of that key."""
    action: str
    """What was done, in the past participle: `key.generated`, `model.deleted`."""
    kind: str
    object: str
    """The object's id."""
    before: Snapshot | None = None
    after: Snapshot | None = None
    client: str = ""
    """The address that the request came from."""
    request_id: str = ""


class Audit:
    """The collection of audit entries."""

    def __init__(self, store: Store) -> None:
        self._audit = store.database.audit

    async def record(self, entry: AuditEntry, session: Session) -> None:
        """Write an entry in the transaction of its change."""
        await self.record_all([entry], session)

    async def record_all(self, entries: Sequence[AuditEntry], session: Session) -> None:
        """Write several entries in the transaction of their changes."""
        if entries:
            with translated():
                await self._audit.insert_many([_document(entry) for entry in entries], session=session)

    async def history(self, kind: str, object: str, *, limit: int = 100) -> list[AuditEntry]:
        """Return the last changes of one object, the newest first."""
        with translated():
            cursor = self._audit.find({"kind": kind, "object": object}).sort("at", -1).limit(limit)
            return [_entry(document) for document in await cursor.to_list(length=limit)]


def _document(entry: AuditEntry) -> Document:
    document: Document = msgspec.to_builtins(entry)
    for name in ("before", "after"):
        document[name] = None if document[name] is None else msgspec.json.encode(document[name]).decode()
    return {"_id": uuid.uuid4().hex, **document}


def _entry(document: Document) -> AuditEntry:
    texts = {
        name: None if document[name] is None else msgspec.json.decode(document[name]) for name in ("before", "after")
    }
    return msgspec.convert({**document, **texts}, AuditEntry)
