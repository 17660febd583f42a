"""The running texts of a stream, and the fields that carry them."""

from collections.abc import Hashable, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.json_lane import JsonLane
from services.guardrails.domain.reading import read_document, unreadable
from services.guardrails.domain.text_lane import PlainLane, TextLane

RawObject: TypeAlias = dict[str, msgspec.Raw]
"""A JSON object whose values are as they were written."""

L = TypeVar("L", bound=Hashable)

NULL: Final = msgspec.Raw(b"null")
_encode = msgspec.json.Encoder().encode
_int = msgspec.json.Decoder(int).decode


def is_null(value: msgspec.Raw) -> bool:
    """Tell whether a value is `null`."""
    return bytes(value) == b"null"


def raw(value: object) -> msgspec.Raw:
    """Return a value as it is written."""
    return msgspec.Raw(_encode(value))


def text_of(value: msgspec.Raw) -> str | None:
    """Return a string's text; None for any other value."""
    written = bytes(value)
    if not written.startswith(b'"'):
        return None
    text: str = read_document(written)
    return text


def int_of(value: msgspec.Raw) -> int:
    """Return an index, 0 where there is none; raises `Unreadable`."""
    if is_null(value):
        return 0
    try:
        return _int(value)
    except msgspec.MsgspecError:
        raise unreadable() from None


class Texts(Generic[L]):
    """Running texts under the same guardrails."""

    def __init__(self, guardrails: Sequence[Guardrail]) -> None:
        self._guardrails = guardrails
        self._lanes: dict[L, TextLane] = {}

    def feed(self, lane: L, text: str, *, json: bool = False, ends: bool = False) -> str:
        """Take a piece of a text and return what may go out; raises `Blocked`."""
        running = self._lanes.get(lane)
        if running is None:
            running = self._lanes[lane] = JsonLane(self._guardrails) if json else PlainLane(self._guardrails)
        passed = running.feed(text)
        return passed + self.finish(lane) if ends else passed

    def finish(self, lane: L) -> str:
        """End a text and return what was held of it; raises `Blocked`."""
        running = self._lanes.pop(lane, None)
        return "" if running is None else running.finish()

    def open_lanes(self) -> list[L]:
        """Return the texts that have not ended, in the order in which they began."""
        return list(self._lanes)
