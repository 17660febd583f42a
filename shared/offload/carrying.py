"""Values on their way between two processes, large bytes in them beside the pickle.

Pickling copies all that it pickles and holds the interpreter's lock meanwhile, 20 ms for 28 MB. Here bytes in a value
are written to the connection as they are, in pieces: the lock is held for none of it but the copies of a piece.
"""

import io
import pickle
from multiprocessing.connection import Connection
from typing import Any

LARGE_BYTES = 64 * 1024
"""Bytes of a bytes object above which it goes beside the pickle."""

PIECE_BYTES = 256 * 1024


def send(connection: "Connection[Any, Any]", value: object) -> None:
    """Send a value; raises what `pickle` raises on one that cannot be pickled, before anything is sent."""
    written = io.BytesIO()
    pickler = _Pickler(written)
    pickler.dump(value)
    connection.send((written.getvalue(), [len(data) for data in pickler.large]))
    for data in pickler.large:
        for start in range(0, len(data), PIECE_BYTES):
            connection.send_bytes(data, start, min(PIECE_BYTES, len(data) - start))


def receive(connection: "Connection[Any, Any]") -> Any:
    """Return the next value; raises `EOFError` where the other side is gone, and what unpickling raises."""
    pickled, sizes = connection.recv()
    return _Unpickler(io.BytesIO(pickled), [_received(connection, size) for size in sizes]).load()


def _received(connection: "Connection[Any, Any]", size: int) -> bytes:
    return b"".join([connection.recv_bytes() for _ in range(0, size, PIECE_BYTES)])


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.large: list[bytes] = []

    def persistent_id(self, obj: object) -> int | None:
        if type(obj) is not bytes or len(obj) <= LARGE_BYTES:
            return None
        self.large.append(obj)
        return len(self.large) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, large: list[bytes]) -> None:
        super().__init__(file)
        self._large = large

    def persistent_load(self, pid: int) -> bytes:
        return self._large[pid]
