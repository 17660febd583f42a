"""A collection of records that operators manage: found by id, changed as a whole within a transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from pymongo.errors import DuplicateKeyError

from shared.errors import Conflict
from shared.store.connection import Document, Session, Store, translated

R = TypeVar("R", bound=msgspec.Struct)

AS_TEXT = ("metadata", "ignored", "limits")
"""Fields with names of the operator's choice: kept as JSON, so that no name means anything to the database."""

Query = Mapping[str, Any]
"""Fields and the scalars they must equal; made from typed values only."""


class Objects(Generic[R]):
    """Records of one type in one collection; the record's field `id` is the document's `_id`."""

    def __init__(
        self, store: Store, collection: str, record: type[R], noun: str, *, as_text: Sequence[str] = AS_TEXT
    ) -> None:
        self._documents = store.database[collection]
        self._type = record
        self._noun = noun
        self._as_text = tuple(name for name in as_text if name in record.__struct_fields__)

    async def find(self, id: str, session: Session = None) -> R | None:
        """Return one record."""
        with translated():
            document = await self._documents.find_one({"_id": id}, session=session)
        return self._record(document) if document else None

    async def find_many(self, ids: Sequence[str], session: Session = None) -> dict[str, R]:
        """Return the records that exist, by id."""
        if not ids:
            return {}
        with translated():
            found = await self._documents.find({"_id": {"$in": list(ids)}}, session=session).to_list(length=None)
        return {document["_id"]: self._record(document) for document in found}

    async def insert(self, record: R, session: Session = None) -> None:
        """Store a new record; raise `Conflict` when its id, or what else must be unique, is taken."""
        with translated():
            try:
                await self._documents.insert_one(self._document(record), session=session)
            except DuplicateKeyError:
                raise Conflict(f"This {self._noun} exists already.", param=self._noun) from None

    async def replace(self, record: R, session: Session) -> None:
        """Write a record that was read by the same session, so that no change in between is lost."""
        document = self._document(record)
        with translated():
            try:
                await self._documents.replace_one({"_id": document["_id"]}, document, session=session)
            except DuplicateKeyError:
                raise Conflict(f"Another {self._noun} has this name already.", param=self._noun) from None

    async def delete(self, id: str, session: Session) -> bool:
        """Delete a record; tell whether it was there."""
        with translated():
            result = await self._documents.delete_one({"_id": id}, session=session)
        return bool(result.deleted_count)

    async def any(self) -> bool:
        """Tell whether there is a record at all."""
        with translated():
            return await self._documents.find_one({}, {"_id": 1}) is not None

    async def where(self, query: Query, *, limit: int = 1000, session: Session = None) -> list[R]:
        """Return up to `limit` records whose fields equal the query's, the newest first."""
        with translated():
            cursor = self._documents.find(dict(query), session=session).sort("created_at", -1).limit(limit)
            return [self._record(document) for document in await cursor.to_list(length=limit)]

    def _document(self, record: R) -> Document:
        document: Document = msgspec.to_builtins(record)
        document["_id"] = document.pop("id")
        for name in self._as_text:
            if name in document:
                document[name] = msgspec.json.encode(document[name]).decode()
        return document

    def _record(self, document: Document) -> R:
        texts = {name: msgspec.json.decode(document[name]) for name in self._as_text if name in document}
        return msgspec.convert({**document, **texts, "id": document["_id"]}, self._type)
