"""Who changed what, when, from where: one entry per change, never altered."""

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from shared.store.connection import Document, Session, Store, translated

Snapshot = dict[str, Any]
"""An object as the API shows it, so that it holds no secret."""

Effect = Literal["created", "updated", "deleted"]
EFFECTS: tuple[Effect, ...] = get_args(Effect)

FIRST_WINDOW = 60.0
"""Seconds that a page looks back at first; each further look is twice as long.

The embedded store reads a whole range before it sorts, so no range may be open.
"""

MOST_TIED = 1000
"""Entries of one moment: those of one request."""


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
    id: str = ""
    """The entry's own id, made when it is recorded."""

    @property
    def effect(self) -> Effect:
        """What became of the object."""
        if self.before is None and self.after is not None:
            return "created"
        return "deleted" if self.after is None and self.before is not None else "updated"


class AuditFilter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which entries to show; an empty field asks for nothing."""

    kind: str = ""
    objects: tuple[str, ...] = ()
    """Ids, one of which the object has."""
    actor: str = ""
    actor_name: str = ""
    action: str = ""
    effect: str = ""
    request_id: str = ""


class Position(msgspec.Struct, frozen=True):
    """A place between two entries, from which a page goes on to older ones."""

    at: float
    id: str


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

    async def find(self, id: str) -> AuditEntry | None:
        """Return one entry."""
        with translated():
            document = await self._audit.find_one({"_id": id})
        return _entry(document) if document else None

    async def history(self, kind: str, object: str, *, limit: int = 100) -> list[AuditEntry]:
        """Return the last changes of one object, the newest first."""
        with translated():
            cursor = self._audit.find({"kind": kind, "object": object}).sort("at", -1).limit(limit)
            return [_entry(document) for document in await cursor.to_list(length=limit)]

    async def page(
        self, only: AuditFilter, *, since: float, until: float, limit: int, after: Position | None = None
    ) -> list[AuditEntry]:
        """Return up to `limit` entries from `since` on and before `until`, the newest first.

        `after` continues behind the last entry of the page before. It looks back in windows of rising length, so
        that the newest entries cost the same however many there are.
        """
        query: Document = msgspec.to_builtins(only)
        if only.objects:
            query["object"] = {"$in": list(query.pop("objects"))}
        found: list[AuditEntry] = []
        end = math.nextafter(min(until, after.at), math.inf) if after and after.at < until else until
        length = FIRST_WINDOW
        while end > since and len(found) < limit:
            begin = max(since, end - length)
            entries = await self._between(query, begin, end, limit + MOST_TIED)
            found += [entry for entry in entries if after is None or (entry.at, entry.id) < (after.at, after.id)]
            end, length = begin, length * 2
        return found[:limit]

    async def _between(self, query: Mapping[str, Any], begin: float, end: float, limit: int) -> list[AuditEntry]:
        with translated():
            cursor = self._audit.find({**query, "at": {"$gte": begin, "$lt": end}}).sort("at", -1).limit(limit)
            documents = await cursor.to_list(length=limit)
        return sorted((_entry(item) for item in documents), key=lambda entry: (entry.at, entry.id), reverse=True)


def _document(entry: AuditEntry) -> Document:
    document: Document = msgspec.to_builtins(entry)
    for name in ("before", "after"):
        document[name] = None if document[name] is None else msgspec.json.encode(document[name]).decode()
    del document["id"]
    return {"_id": uuid.uuid4().hex, **document, "effect": entry.effect}


def _entry(document: Document) -> AuditEntry:
    texts = {
        name: None if document[name] is None else msgspec.json.decode(document[name]) for name in ("before", "after")
    }
    return msgspec.convert({**document, **texts, "id": document["_id"]}, AuditEntry)
