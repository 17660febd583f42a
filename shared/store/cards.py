"""What long lists are sorted and searched by, without reading what is listed: a card for each shelf.

A *card* has a few fields of all objects on a shelf, packed. Every change of an object takes the card's entries away
within its own transaction, so a card that has entries is true; whoever needs one without entries makes it. The change
and the making write the same document, so neither overlooks the other.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import NamedTuple

import msgspec
from pymongo.errors import DuplicateKeyError

from shared.schemas.scopes import SEPARATOR
from shared.store.by_ids import questions
from shared.store.connection import Document, Session, Store, translated
from shared.store.shelves import Shelves

CARDED = ("users",)
"""The collections whose shelves have cards."""


class Entry(NamedTuple):
    """What a card says of a user."""

    id: str
    email: str
    alias: str
    role: str
    created_at: float


_FIELDS = {name: 1 for name in Entry._fields if name != "id"}
_entries = msgspec.msgpack.Decoder(list[Entry])


class Cards:
    """The cards of one collection."""

    def __init__(self, store: Store, collection: str) -> None:
        self._collection = collection
        self._shelves = Shelves(store, collection)
        self._objects = store.database[collection]
        self._cards = store.database.cards

    async def change(self, shelves: Iterable[int], session: Session) -> None:
        """Make cards untrue, within the transaction that changes what they say."""
        for shelf in sorted(set(shelves)):
            update = {"$inc": {"changes": 1}, "$unset": {"entries": ""}}
            await self._cards.update_one({"_id": self._id(shelf)}, update, upsert=True, session=session)

    async def read(self) -> AsyncIterator[list[Entry]]:
        """Yield what all cards say, a few thousand objects at a time; raises `StoreUnavailable`."""
        shelves = {self._id(shelf): shelf for shelf in await self._shelves.on_each()}
        for ids in questions(list(shelves)):
            packed: list[bytes] = []
            with translated():
                cards = await self._cards.find({"_id": {"$in": ids}}).to_list(length=None)
                known = {card["_id"]: card for card in cards}
                for id in ids:
                    card = known.get(id)
                    entries = card.get("entries") if card else None
                    packed.append(entries or await self._make(shelves[id], card))
            yield [entry for some in packed for entry in _entries.decode(some)]

    async def _make(self, shelf: int, card: Document | None) -> bytes:
        """Return a shelf's entries, and keep them unless something on it changed meanwhile."""
        objects = await self._objects.find({"shelf": shelf}, _FIELDS).to_list(length=None)
        packed = msgspec.msgpack.encode(list(map(_entry, objects)))
        id = self._id(shelf)
        if card is None:
            with suppress(DuplicateKeyError):
                await self._cards.insert_one({"_id": id, "changes": 0, "entries": packed})
        else:
            await self._cards.update_one({"_id": id, "changes": card["changes"]}, {"$set": {"entries": packed}})
        return packed

    def _id(self, shelf: int) -> str:
        return SEPARATOR.join((self._collection, str(shelf)))


def _entry(item: Document) -> Entry:
    email, alias, role = (str(item.get(name, "")) for name in ("email", "alias", "role"))
    return Entry(item["_id"], email, alias, role, float(item["created_at"]))
