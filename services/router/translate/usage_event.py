"""The event that tells a stream's usage: held until its cost is known, and told with it."""

import msgspec
from msgspec import Raw

from shared.sse import Event
from shared.wire.reading import UNREADABLE

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, Raw]).decode


class HeldUsage:
    """Holds the last event with a usage of one stream; the end mark follows it, and nothing else should."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: Event | None = None

    def hold(self, event: Event) -> bytes:
        """Hold an event, and return the bytes of the one that was held before."""
        before = self.release()
        self._event = event
        return before

    def release(self) -> bytes:
        """Return the bytes of the held event, which was not the last one; none when none is held."""
        if self._event is None:
            return b""
        event, self._event = self._event, None
        return event.raw

    def told(self, cost: float | None) -> bytes:
        """Return the bytes of the held event with these dollars in its usage; untouched when `cost` is None."""
        event = self._event
        if event is None or cost is None:
            return self.release()
        data = with_cost(event.data, cost)
        before, found, after = event.raw.rpartition(event.data)
        if found:
            return before + data + after
        # The data stood on several lines. A line feed within JSON is nothing but a space.
        name = b"event: %b\n" % event.name if event.name else b""
        return name + b"data: " + data.replace(b"\n", b" ") + b"\n\n"


def with_cost(document: bytes, cost: float) -> bytes:
    """Return a JSON object with `cost` in its member `usage`, every other byte as it came.

    A `cost` that is there already, what the provider takes from the operator, is replaced. What has no usage that is an
    object is returned as it came.
    """
    try:
        place = _place(document, "usage")
        if place is None:
            return document
        start, end = place
        return document[:start] + _priced(document[start:end], _encode(cost)) + document[end:]
    except UNREADABLE:
        return document


def _priced(usage: bytes, cost: bytes) -> bytes:
    place = _place(usage, "cost")
    if place is not None:
        return usage[: place[0]] + cost + usage[place[1] :]
    comma = b"," if _fields(usage) else b""
    return usage[:-1] + comma + b'"cost":' + cost + b"}"


def _place(document: bytes, name: str) -> tuple[int, int] | None:
    """Return start and end of a member's value; raises what msgspec raises on anything but a JSON object."""
    at = 0
    for field, value in _fields(document).items():
        spelled = _encode(field)
        key = document.find(spelled, at)
        if key < 0:
            return None
        written = bytes(value)
        at = document.find(written, key + len(spelled))
        if at < 0:
            return None
        if field == name:
            return at, at + len(written)
        at += len(written)
    return None
