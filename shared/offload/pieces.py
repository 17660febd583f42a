"""A body that comes in pieces, put together without holding the loop."""

import asyncio

AT_ONCE = 256 * 1024
"""Bytes that are put together in the loop: a copy of them takes a tenth of a millisecond."""

LEAST_PIECE = 16 * 1024
"""A piece of fewer bytes is copied to others of its kind: as an object of its own it could cost more than it holds."""

KEPT_PIECE = 256 * 1024
"""Bytes of small pieces that are kept as one."""


class Pieces:
    """Collects a body.

    A buffer that grows would be copied once more to become bytes: 20 ms for 28 MB, most of it for memory that is
    touched for the first time. Joining pieces gives the interpreter's lock away, so it can be done on a thread.
    """

    __slots__ = ("_pieces", "_small", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._small = bytearray()
        self.size = 0
        """Bytes that were added."""

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        if len(data) >= LEAST_PIECE:
            self._keep_small()
            self._pieces.append(bytes(data))
            return
        self._small += data
        if len(self._small) >= KEPT_PIECE:
            self._keep_small()

    async def whole(self) -> bytes:
        """Return all that was added, and hold nothing of it any more."""
        self._keep_small()
        return await joined(self._pieces)

    def _keep_small(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small = bytearray()


async def joined(pieces: list[bytes]) -> bytes:
    """Return pieces as one, and take them out of their list."""
    if sum(map(len, pieces)) <= AT_ONCE:
        return _joined(pieces)
    return await asyncio.to_thread(_joined, pieces)


def _joined(pieces: list[bytes]) -> bytes:
    whole = b"".join(pieces)
    # They are let go of here: giving back the memory of a large body takes milliseconds.
    pieces.clear()
    return whole
