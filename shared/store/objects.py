"""A collection of records that operators manage: found by id, changed as a whole within a transaction."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from pymongo.errors import BulkWriteError, DuplicateKeyError

from shared.errors import Conflict
from shared.store.by_ids import documents_by_id
from shared.store.cards import CARDED, Cards
from shared.store.connection import Document, Session, Store, translated
from shared.store.shelves import SHELVED, Shelves, shelves_of_page

R = TypeVar("R", bound=msgspec.Struct)

AS_TEXT = ("metadata", "ignored", "limits")
"""Fields with names of the operator's choice: kept as JSON, so that no name means anything to the database."""

DUPLICATE_KEY = 11000

Query = Mapping[str, Any]
"""Fields and the scalars they must equal, or what `containing` and `one_of` return; made from typed values only."""


def containing(text: str) -> Query:
    """Return what a field must be to contain a text, whatever the case of its letters; nothing in it is a pattern."""
    return {"$regex": re.escape(text), "$options": "i"}


def beginning(text: str) -> Query:
    """Return what a field must be to begin with a text, letter by letter."""
    return {"$regex": f"^{re.escape(text)}"}


def one_of(values: Sequence[str]) -> Query:
    """Return what a field must be to equal one of the values."""
    return {"$in": list(values)}


def either(*queries: Query) -> Query:
    """Return a query that matches what one of the queries does."""
    return {"$or": [dict(query) for query in queries]}


def every(*queries: Query) -> Query:
    """Return a query that matches what all of the queries do; none of them matches everything."""
    said = [dict(query) for query in queries if query]
    return {"$and": said} if len(said) > 1 else said[0] if said else {}


def is_duplicate(error: BulkWriteError) -> bool:
    """Tell whether something that must be unique is taken."""
    return any(int(item.get("code", 0)) == DUPLICATE_KEY for item in (error.details or {}).get("writeErrors", ()))


class Objects(Generic[R]):
    """Records of one type in one collection; the record's field `id` is the document's `_id`."""

    def __init__(
        self,
        store: Store,
        collection: str,
        record: type[R],
        noun: str,
        *,
        as_text: Sequence[str] = AS_TEXT,
        param: str = "",
    ) -> None:
        """`param` is the field of a request that names the record; errors say it."""
        self._store = store
        self._documents = store.database[collection]
        self._shelves = Shelves(store, collection) if collection in SHELVED else None
        self._cards = Cards(store, collection) if collection in CARDED else None
        self._type = record
        self._noun = noun
        self._param = param or noun
        self._as_text = tuple(name for name in as_text if name in record.__struct_fields__)

    async def find(self, id: str, session: Session = None) -> R | None:
        """Return one record."""
        with translated():
            document = await self._documents.find_one({"_id": id}, session=session)
        return self._record(document) if document else None

    async def find_many(self, ids: Sequence[str], session: Session = None) -> dict[str, R]:
        """Return the records that exist, by id, in the order of the ids."""
        with translated():
            documents = await documents_by_id(self._documents, ids, session)
        found = {document["_id"]: self._record(document) for document in documents}
        return {id: found[id] for id in ids if id in found}

    async def insert(self, record: R, session: Session = None) -> None:
        """Store a new record; raise `Conflict` when its id, or what else must be unique, is taken."""
        if session is None:
            await self._store.atomically(lambda session: self.insert_many([record], session))
        else:
            await self.insert_many([record], session)

    async def insert_many(self, records: Sequence[R], session: Session) -> None:
        """Store new records by one question; raise `Conflict` when an id, or what else must be unique, is taken."""
        if not records:
            return
        documents = [self._document(record) for record in records]
        with translated():
            if self._shelves:
                shelves = await self._shelves.place(len(records), session)
                for document, shelf in zip(documents, shelves, strict=True):
                    document["shelf"] = shelf
                if self._cards:
                    await self._cards.change(shelves, session)
            try:
                await self._documents.insert_many(documents, session=session)
            except BulkWriteError as error:
                if is_duplicate(error):
                    raise Conflict(f"This {self._noun} exists already.", param=self._param) from None
                raise

    async def replace(self, record: R, session: Session) -> None:
        """Write a record that was read by the same session, so that no change in between is lost."""
        document = self._document(record)
        id = document.pop("_id")
        with translated():
            try:
                # Every field, and not the document as a whole: it stands on a shelf, which no record knows.
                await self._documents.update_one({"_id": id}, {"$set": document}, session=session)
                if self._cards:
                    await self._cards.change(await self._shelf_of(id, session), session)
            except DuplicateKeyError:
                raise Conflict(f"Another {self._noun} has this name already.", param=self._noun) from None

    async def delete(self, id: str, session: Session) -> bool:
        """Delete a record; tell whether it was there."""
        return bool(await self.delete_where({"_id": id}, session))

    async def any(self) -> bool:
        """Tell whether there is a record at all."""
        with translated():
            return await self._documents.find_one({}, {"_id": 1}) is not None

    async def where(self, query: Query, *, limit: int = 1000, down: bool = True, session: Session = None) -> list[R]:
        """Return up to `limit` records whose fields equal the query's, the newest first, or the oldest."""
        with translated():
            cursor = (
                self._documents.find(dict(query), session=session).sort("created_at", -1 if down else 1).limit(limit)
            )
            return [self._record(document) for document in await cursor.to_list(length=limit)]

    async def page(
        self, query: Query, *, skip: int, limit: int, order: str = "created_at", down: bool = True
    ) -> list[R]:
        """Return the records of one page, ordered by one field."""
        if self._shelves and not query and order == "created_at":
            return await self._page_of_all(self._shelves, skip, limit, down=down)
        with translated():
            cursor = self._documents.find(dict(query)).sort(order, -1 if down else 1).skip(skip).limit(limit)
            return [self._record(document) for document in await cursor.to_list(length=limit)]

    async def count(self, query: Query) -> int:
        """Return how many records match."""
        if self._shelves and not query:
            return sum((await self._shelves.on_each()).values())
        with translated():
            return int(await self._documents.count_documents(dict(query)))

    async def delete_where(self, query: Query, session: Session) -> int:
        """Delete the records that match and return how many there were."""
        with translated():
            if self._shelves:
                found = await self._documents.find(dict(query), {"shelf": 1}, session=session).to_list(length=None)
                gone: Counter[int] = Counter()
                gone.subtract(int(item.get("shelf", 0)) for item in found)
                await self._shelves.count(gone, session)
                if self._cards:
                    await self._cards.change(gone, session)
            result = await self._documents.delete_many(dict(query), session=session)
        return int(result.deleted_count)

    async def _shelf_of(self, id: str, session: Session) -> list[int]:
        found = await self._documents.find_one({"_id": id}, {"shelf": 1}, session=session)
        return [int(found["shelf"])] if found else []

    async def _page_of_all(self, shelves: Shelves, skip: int, limit: int, *, down: bool) -> list[R]:
        order = list((await shelves.on_each()).items())
        named, before = shelves_of_page(order if down else order[::-1], skip, limit)
        found: list[Document] = []
        with translated():
            for shelf in named:
                some = await self._documents.find({"shelf": shelf}).to_list(length=None)
                found += sorted(some, key=lambda item: (float(item["created_at"]), item["_id"]), reverse=down)
        return [self._record(document) for document in found[before : before + limit]]

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
