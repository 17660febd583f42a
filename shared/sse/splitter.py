"""Splitting a stream of server-sent events, as the WHATWG's HTML standard defines them, on bytes."""

import re
from typing import NamedTuple

from shared.errors import BrokenStream

MAX_EVENT_BYTES = 32 * 1024 * 1024
"""Bytes that one event may have, and so what a splitter may hold: the edge's default limit of a body."""

_BOM = b"\xef\xbb\xbf"

_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
"""The end of a line and an empty line after it; one CRLF is never taken for two line ends."""


class Event(NamedTuple):
    """One event: its name (empty for the default), its data, and its bytes as they came with the blank line."""

    name: bytes
    data: bytes
    raw: bytes


class Splitter:
    """Splits bytes that may be cut anywhere into events; one per stream.

    Blocks without data, such as comments that keep a connection alive, are no events and vanish.
    A carriage return at the very end waits for the next byte, since a line feed may belong to it.
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._held = bytearray()
        self._started = False

    @property
    def held(self) -> bytes:
        """The bytes of an event that is not whole yet."""
        return bytes(self._held)

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes and return the events that are now whole; raises `BrokenStream` past the size limit."""
        if not self._held and self._started and _is_one_plain_event(data):
            return [Event(b"", data[6:-2], data)]
        if self._held:
            searched = max(0, len(self._held) - 3)
            self._held += data
            if self._started and not _has_end(self._held, searched):
                return self._hold(self._held)
            data = bytes(self._held)
        if not self._started:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                return self._hold(bytearray(data))
            self._started = True
            data = data.removeprefix(_BOM)
        return self._split(data)

    def end(self) -> list[Event]:
        """Return the last event of a stream that ended without the blank line after it, if there is one."""
        data, self._held = bytes(self._held), bytearray()
        return _events(_blocks(data + b"\n\n")[0])

    def _split(self, data: bytes) -> list[Event]:
        blocks, rest = _blocks(data)
        self._hold(bytearray(rest))
        return _events(blocks)

    def _hold(self, rest: bytearray) -> list[Event]:
        if len(rest) > self._limit:
            raise BrokenStream(f"The provider's stream holds an event of more than {self._limit} bytes.")
        self._held = rest
        return []


def _is_one_plain_event(data: bytes) -> bool:
    """Tell whether a read is just one event of one line, which is what a slow stream's reads are."""
    end = len(data) - 2
    return end > 6 and data.startswith(b"data: ") and data.find(b"\n") == end and data[-1] == 10 and b"\r" not in data


def _has_end(data: bytearray, start: int) -> bool:
    return data.find(b"\n\n", start) >= 0 or (
        data.find(b"\r", start) >= 0 and _BLANK_LINE.search(data, start) is not None
    )


_Block = tuple[bytes, bytes]
"""A block's lines and the line ends after them."""


def _blocks(data: bytes) -> tuple[list[_Block], bytes]:
    if b"\r" not in data:
        parts = data.split(b"\n\n")
        rest = parts.pop()
        return [(part, b"\n\n") for part in parts], rest
    held = data.endswith(b"\r")
    text = data[:-1] if held else data
    blocks: list[_Block] = []
    start = 0
    for match in _BLANK_LINE.finditer(text):
        blocks.append((text[start : match.start()], match[0]))
        start = match.end()
    return blocks, data[start:]


def _events(blocks: list[_Block]) -> list[Event]:
    events: list[Event] = []
    for block, end in blocks:
        if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
            if len(block) > 6:
                events.append(Event(b"", block[6:], block + end))
        elif event := _event(block.lstrip(b"\r\n"), end):
            events.append(event)
    return events


def _event(block: bytes, end: bytes) -> Event | None:
    name = b""
    lines: list[bytes] = []
    for line in block.splitlines():
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    data = b"\n".join(lines)
    return Event(name, data, block + end) if data else None
