# SPDX-License-Identifier: Unlicense
"""How WiredTiger's Python interface turns columns into keys and values, in a fraction of the time of its own module.

The embedded store's process finds this module by the name `packing` before WiredTiger's, which is most of what reading
a record costs there. The bytes are the same. Their form is that of WiredTiger's `packing.py` and `intpacking.py`, which
are in the public domain, as this file is. Nothing here imports anything of that process, and no process of Tollway's
loads it.

Formats are those that the store has: any number of `S` (text that ends with a NUL), then nothing, one `u` (bytes up to
the end) or one `q` (an integer of one to nine bytes).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

_ONE_BYTE = 0x40
"""So many integers from 0 on, and from -1 down, take one byte."""

_TWO_BYTES = 0x2000 + _ONE_BYTE
"""So many take at most two."""

_LONG, _POSITIVE_TWO, _POSITIVE_ONE = 0xE0, 0xC0, 0x80
"""First bytes of integers from 0 on; the rest of such a byte is a length or a part of the integer."""

_NEGATIVE_ONE, _NEGATIVE_TWO, _NEGATIVE_LONG = 0x40, 0x20, 0x10
"""First bytes of negative integers."""

_UINT64 = (1 << 64) - 1


def pack(fmt: str, *values: Any) -> bytes:
    """Return columns as bytes, whose order is that of the columns; raises `ValueError` for an unknown format."""
    names, last = _shape(fmt)
    if last == "u":
        value = values[names]
        value = value if type(value) is bytes else value.encode()
        return _names(values[:names]) + value if names else value
    if last == "q":
        return _names(values[:names]) + pack_int(values[names])
    return _names(values[:names])


def unpack(fmt: str, packed: bytes | None) -> list[Any]:
    """Return the columns of what was packed; nothing at all is one empty column."""
    return _reader(fmt)(packed or b"")


def pack_int(value: int) -> bytes:
    """Return an integer of 64 bits in one to nine bytes, whose order is that of the integers."""
    if value >= _TWO_BYTES:
        rest = value - _TWO_BYTES
        size = max(1, (rest.bit_length() + 7) // 8)
        return bytes((_LONG | size,)) + rest.to_bytes(size, "big")
    if value >= _ONE_BYTE:
        rest = value - _ONE_BYTE
        return bytes((_POSITIVE_TWO | rest >> 8, rest & 0xFF))
    if value >= 0:
        return bytes((_POSITIVE_ONE | value,))
    if value >= -_ONE_BYTE:
        return bytes((_NEGATIVE_ONE | value + _ONE_BYTE,))
    if value >= -_TWO_BYTES:
        rest = value + _TWO_BYTES
        return bytes((_NEGATIVE_TWO | rest >> 8, rest & 0xFF))
    packed = (value & _UINT64).to_bytes(8, "big").lstrip(b"\xff")
    return bytes((_NEGATIVE_LONG | 8 - len(packed),)) + packed


def unpack_int(packed: bytes) -> int:
    """Return the integer that some bytes begin with."""
    first = packed[0]
    if first >= _LONG:
        return _TWO_BYTES + int.from_bytes(packed[1 : 1 + (first & 0x0F)], "big")
    if first >= _POSITIVE_TWO:
        return _ONE_BYTE + ((first & 0x1F) << 8 | packed[1])
    if first >= _POSITIVE_ONE:
        return first & 0x3F
    if first >= _NEGATIVE_ONE:
        return (first & 0x3F) - _ONE_BYTE
    if first >= _NEGATIVE_TWO:
        return ((first & 0x1F) << 8 | packed[1]) - _TWO_BYTES
    size = 8 - (first & 0x0F)
    return (-1 << 8 * size) | int.from_bytes(packed[1 : 1 + size], "big")


@lru_cache(256)
def _shape(fmt: str) -> tuple[int, str]:
    """Return how many names a format begins with, and what comes after them."""
    last = fmt.lstrip("S")
    if last not in ("", "u", "q"):
        raise ValueError(f"the format '{fmt}' is not one of the embedded store's")
    return len(fmt) - len(last), last


@lru_cache(4096)
def _names(names: tuple[str, ...]) -> bytes:
    return b"".join(name.partition("\0")[0].encode() + b"\0" for name in names)


@lru_cache(256)
def _reader(fmt: str) -> Callable[[bytes], list[Any]]:
    names, last = _shape(fmt)
    if fmt == "SSq":
        return _RecordIds()
    if not names:
        return (lambda packed: [packed]) if last == "u" else (lambda packed: [unpack_int(packed)])

    def read(packed: bytes) -> list[Any]:
        *found, rest = packed.split(b"\0", names)
        columns: list[Any] = [name.decode() for name in found]
        if last:
            columns.append(rest if last == "u" else unpack_int(rest))
        return columns

    return read


class _RecordIds:
    """Reads the keys of documents, all of which are read at each start: those of one collection come in a row."""

    def __init__(self) -> None:
        self._last: tuple[bytes, int, str, str] = (b"\0\0", 2, "", "")

    def __call__(self, packed: bytes) -> list[Any]:
        """Return a database, a collection and a number."""
        prefix, size, database, collection = self._last
        if not packed.startswith(prefix):
            names = packed.split(b"\0", 2)
            database, collection = names[0].decode(), names[1].decode()
            size = len(packed) - len(names[2])
            self._last = (packed[:size], size, database, collection)
        if packed[size] >= _LONG:
            return [database, collection, _TWO_BYTES + int.from_bytes(packed[size + 1 :], "big")]
        return [database, collection, unpack_int(packed[size:])]
