"""A streamed answer, bytes in and bytes out, checked on its way."""

from collections.abc import Sequence
from typing import Protocol

from services.guardrails.domain.anthropic_stream import AnthropicStream
from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.openai_stream import OpenAIStream
from shared.errors import Dialect
from shared.sse import Event, Splitter


class PassingBytes(Protocol):
    """Bytes of an answer in, bytes that may go out out."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes, cut anywhere, and return what may go out."""
        ...

    def finish(self) -> bytes:
        """Return what is still held."""
        ...


class Untouched:
    """An answer that no guardrail looks at."""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes."""
        return data

    def finish(self) -> bytes:
        """Return nothing, since nothing is held."""
        return b""


class EventStream(Protocol):
    """A stream's events in one dialect."""

    def take(self, event: Event) -> bytes:
        """Return what may go out now that this event came; raises `Blocked` or `Unreadable`."""
        ...

    def finish(self) -> bytes:
        """Return what is still held, when no more events come; raises `Blocked`."""
        ...


STREAMS: dict[Dialect, type[OpenAIStream] | type[AnthropicStream]] = {
    "openai": OpenAIStream,
    "anthropic": AnthropicStream,
}


class AnswerStream:
    """Splits the bytes into events and checks each."""

    def __init__(self, dialect: Dialect, guardrails: Sequence[Guardrail]) -> None:
        self._splitter = Splitter()
        self._events: EventStream = STREAMS[dialect](guardrails)

    def feed(self, data: bytes) -> bytes:
        """Take bytes, cut anywhere, and return what may go out; raises `Blocked`, `Unreadable`, `BrokenStream`."""
        return b"".join([self._events.take(event) for event in self._splitter.feed(data)])

    def finish(self) -> bytes:
        """Return what is still held; raises `Blocked`, `Unreadable`."""
        return b"".join([self._events.take(event) for event in self._splitter.end()]) + self._events.finish()
