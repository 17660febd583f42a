"""Documents by their ids, in questions of a size that the embedded store answers quickly."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from shared.store.connection import Document, Session

IN_ONE_QUESTION = 15
"""Documents asked for by one query: the embedded store compares each of them with each id that was asked for."""

QUESTIONS_AT_ONCE = 2
"""Queries under way for one reader, so that one is decoded while the other is answered."""


def questions(ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield the ids in lists that one query may ask for."""
    for start in range(0, len(ids), IN_ONE_QUESTION):
        yield list(ids[start : start + IN_ONE_QUESTION])


async def documents_by_id(collection: Any, ids: Sequence[str], session: Session = None) -> list[Document]:
    """Return the documents that exist, in no order; to be called where errors are translated."""
    left = questions(ids)
    found: list[Document] = []

    async def ask() -> None:
        for some in left:
            found.extend(await collection.find({"_id": {"$in": some}}, session=session).to_list(length=None))

    # A transaction takes one question after the other.
    await asyncio.gather(*(ask() for _ in range(1 if session else QUESTIONS_AT_ONCE)))
    return found
