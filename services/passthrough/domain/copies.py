"""Reads the usage in a copy of an answer. The answer itself is sent on before, and whatever, this finds."""

import re
import zlib

import msgspec

from services.passthrough.domain.access import model_of
from services.passthrough.domain.targets import Vendor
from shared.errors import BrokenStream
from shared.offload import Pieces
from shared.pricing.usage import Usage
from shared.sse.splitter import Event, Splitter
from shared.wire import anthropic, openai
from shared.wire.anthropic import AnthropicStreamUsage
from shared.wire.encodings import WINDOW_BITS
from shared.wire.openai import OpenAIStreamUsage

WHOLE_BYTES = 8 * 1024 * 1024
"""Bytes of a whole answer that are copied at most; a longer one has no usage read."""

EVENT_BYTES = 4 * 1024 * 1024
"""Bytes of one event of a stream; a longer one ends the reading."""

_CLOSING = {
    "openai": (b"[DONE]", b'"type":"response.completed"', b'"type":"response.incomplete"', b'"type":"response.failed"'),
    "anthropic": (b'"type":"message_stop"', b'"type": "message_stop"'),
}
"""What the data of an event holds after which a client takes the stream for complete."""

_TEXT = re.compile(
    rb'"(?:content|text|delta|arguments|partial_json|thinking|reasoning_content|refusal)":\s*"((?:[^"\\]|\\.)+)"'
)
"""The members of answers and their events that hold what the model wrote, as JSON strings with some text in them."""

TEXT_BYTES = 1024 * 1024
"""Bytes of written text that are kept for our own count."""


class Reading(msgspec.Struct, frozen=True):
    """What a copy told."""

    usage: Usage | None = None
    model: str = ""
    text: str = ""
    """What the model wrote, for our own count where nobody reports one; cut off at a bound."""


class Unreadable(Exception):
    """The copy cannot be read; nothing is known of the usage."""


class Plain:
    """An answer without a content encoding."""

    def read(self, data: bytes) -> bytes:
        """Return the bytes themselves."""
        return data


class Inflated:
    """A compressed answer, read in bounded steps: a small piece that unpacks to a huge one is given up."""

    def __init__(self, encoding: str) -> None:
        self._reader = zlib.decompressobj(WINDOW_BITS[encoding])

    def read(self, data: bytes) -> bytes:
        """Return what the bytes unpack to; raise `Unreadable`."""
        try:
            plain = self._reader.decompress(data, EVENT_BYTES)
        except zlib.error:
            raise Unreadable from None
        if self._reader.unconsumed_tail:
            raise Unreadable
        return plain


def decoder(encoding: str) -> Plain | Inflated | None:
    """Return what undoes a content encoding, None for one that is not known here."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return Plain()
    return Inflated(name) if name in WINDOW_BITS else None


class WholeCopy:
    """The copy of a JSON answer, read when it is complete."""

    def __init__(self, decoder: Plain | Inflated) -> None:
        self._decoder = decoder
        self.pieces = Pieces()
        """Everything so far."""

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return self.pieces.size

    def feed(self, data: bytes) -> bool:
        """Take bytes; raise `Unreadable` past the limit."""
        self.pieces.add(self._decoder.read(data))
        if self.pieces.size > WHOLE_BYTES:
            raise Unreadable
        return False


class StreamCopy:
    """The copy of an event stream, read event by event and not kept."""

    def __init__(self, vendor: Vendor, decoder: Plain | Inflated) -> None:
        self._decoder = decoder
        self._splitter = Splitter(EVENT_BYTES)
        self._usage = OpenAIStreamUsage() if vendor == "openai" else AnthropicStreamUsage()
        self._closing = _CLOSING[vendor]
        self._model = ""
        self._text = bytearray()

    @property
    def size(self) -> int:
        """Bytes of the event that is not whole yet, and of the text."""
        return len(self._splitter.held) + len(self._text)

    def feed(self, data: bytes) -> bool:
        """Take bytes; tell whether the closing event was among them."""
        try:
            events = self._splitter.feed(self._decoder.read(data))
        except BrokenStream:
            raise Unreadable from None
        closing = False
        for event in events:
            closing = self._take(event) or closing
        return closing

    def _take(self, event: Event) -> bool:
        data = event.data
        self._usage.feed(data)
        if b"delta" in data and len(self._text) < TEXT_BYTES:
            self._text += b"".join(_TEXT.findall(data))
        if not self._model and b'"model"' in data:
            self._model = _model_in_event(data)
        return any(mark in data for mark in self._closing)

    @property
    def reading(self) -> Reading:
        """What is known so far."""
        return Reading(self._usage.usage, self._model, _unescaped(bytes(self._text)))


def read_whole(body: bytes, vendor: Vendor) -> Reading:
    """Return what a whole JSON answer tells; never fails."""
    usage = openai.whole_usage(body) if vendor == "openai" else anthropic.whole_usage(body)
    text = b"" if usage is not None else b"".join(_TEXT.findall(body))[:TEXT_BYTES]
    return Reading(usage, model_of(body), _unescaped(text))


def _unescaped(text: bytes) -> str:
    try:
        return msgspec.json.decode(b'"' + text + b'"', type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return text.decode("utf-8", "replace")


class _Inner(msgspec.Struct):
    model: str = ""


class _Started(msgspec.Struct):
    model: str = ""
    message: _Inner | None = None
    response: _Inner | None = None


_started = msgspec.json.Decoder(_Started)


def _model_in_event(data: bytes) -> str:
    try:
        event = _started.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    inner = event.message or event.response
    return event.model or (inner.model if inner else "")
