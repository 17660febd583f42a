"""When a snapshot is due, and its way into the journal: a piece in each entry, beside what is decided meanwhile."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from services.auth.domain.limiter import Limiter
from services.auth.domain.limiter.pieces import Piece
from services.auth.limiter.entries import Entry

SNAPSHOT_ENTRIES = 20_000
SNAPSHOT_BYTES = 16 * 1024**2
"""Entries, or their bytes, after which a snapshot is due: so much has a new limiter to read at most."""

T = TypeVar("T")


class SnapshotWriting:
    """One after the other, as long as a process is the active one."""

    def __init__(self, entries: int, every: int = SNAPSHOT_ENTRIES) -> None:
        self._entries = entries
        self._every = every
        self._bytes = 0
        self._pieces: Iterator[tuple[Piece, bool]] | None = None
        self._number = 0
        self._first = 0
        self._complete = False

    @property
    def drawing(self) -> bool:
        """True while pieces are left to be written."""
        return self._pieces is not None

    def begin_if_due(self, limiter: Limiter, last: int) -> bool:
        """Begin a snapshot of the tables as they are behind the entry `last`; tell whether there is a piece."""
        if self._pieces is None and (self._entries >= self._every or self._bytes >= SNAPSHOT_BYTES):
            self._pieces = with_last(limiter.snapshot())
            self._first, self._number = last + 1, 0
            self._entries = self._bytes = 0
        return self._pieces is not None

    def with_piece(self, entry: Entry) -> Entry:
        """Return the entry with the next piece, if there is one."""
        if self._pieces is None:
            return entry
        piece, last = next(self._pieces)
        number = self._number
        self._number += 1
        if last:
            self._pieces, self._complete = None, True
        return msgspec.structs.replace(entry, piece=piece, number=number, last=last)

    def count(self, size: int) -> None:
        """Count an entry."""
        self._entries += 1
        self._bytes += size

    def stored(self) -> int | None:
        """After an entry was stored, return where a snapshot that is complete begins: what is before may be cut."""
        if not self._complete:
            return None
        self._complete = False
        return self._first


def with_last(pieces: Iterable[T]) -> Iterator[tuple[T, bool]]:
    """Yield each piece, and whether it is the last one."""
    rest = iter(pieces)
    piece = next(rest)
    for following in rest:
        yield piece, False
        piece = following
    yield piece, True
