"""Which objects the configuration file declared when it was last applied."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from shared.schemas.control import ChangeKind
from shared.store.connection import Session, Store, translated

LAST = "last"
"""The one document. Whoever applies a file writes it, so that two at once come one after the other."""


class Declared(NamedTuple):
    """One object: its kind, and its id in the store."""

    kind: ChangeKind
    id: str


class Declarations:
    """The record of declared objects."""

    def __init__(self, store: Store) -> None:
        self._documents = store.database.declarations

    async def read(self, session: Session = None) -> set[Declared]:
        """Return the objects that the file declared."""
        with translated():
            document = await self._documents.find_one({"_id": LAST}, session=session)
        objects = msgspec.json.decode(document["objects"], type=list[Declared]) if document else []
        return set(objects)

    async def write(self, objects: Iterable[Declared], session: Session) -> None:
        """Remember what the file declares now."""
        text = msgspec.json.encode(sorted(objects)).decode()
        with translated():
            await self._documents.update_one({"_id": LAST}, {"$set": {"objects": text}}, session=session)
