"""What was imported, so that another import knows what is new there, what was changed here, and what was deleted."""

from collections.abc import Sequence

import msgspec
from pymongo import ReplaceOne

from shared.store.connection import Session, Store, translated
from shared.store.objects import Objects


class ImportRecord(msgspec.Struct, frozen=True):
    """An object that was imported; it stays when the object is deleted."""

    id: str
    source: str
    """A digest of what the source said."""
    stored: str
    """A digest of the record that was written."""
    spent: int = 0
    """Nano-dollars that were carried over in the period that ends at `until`."""
    until: float = 0.0


class Imports(Objects[ImportRecord]):
    """The collection of imported objects."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, "imports", ImportRecord, "import")

    async def write(self, records: Sequence[ImportRecord], session: Session) -> None:
        """Write records, in the place of those that are there."""
        if records:
            writes = [ReplaceOne({"_id": record.id}, self._document(record), upsert=True) for record in records]
            with translated():
                await self._documents.bulk_write(writes, session=session)
