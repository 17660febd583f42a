"""Documents by their ids, in questions of a size that the embedded store answers quickly."""

from collections.abc import Iterator, Sequence
from typing import Any

from shared.store.connection import Document, Session

IN_ONE_QUESTION = 50
"""Documents asked for by one query: the embedded store's time for a list of ids grows with its square."""


def questions(ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield the ids in lists that one query may ask for."""
    for start in range(0, len(ids), IN_ONE_QUESTION):
        yield list(ids[start : start + IN_ONE_QUESTION])


async def documents_by_id(collection: Any, ids: Sequence[str], session: Session = None) -> list[Document]:
    """Return the documents that exist, in no order; to be called where errors are translated."""
    found: list[Document] = []
    for some in questions(ids):
        found += await collection.find({"_id": {"$in": some}}, session=session).to_list(length=None)
    return found
