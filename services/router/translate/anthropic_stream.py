"""Reading a stream of Anthropic's message events."""

from abc import abstractmethod

import msgspec

from services.router.translate.errors import error_in_answer, raise_if_error
from services.router.translate.provider_stream import ProviderStream
from shared.errors import BrokenStream
from shared.sse import Event
from shared.wire import anthropic_messages as wire
from shared.wire.anthropic import AnthropicStreamUsage
from shared.wire.reading import UNREADABLE


class AnthropicStream(ProviderStream):
    """Reads events up to `message_stop`; what becomes of each is the route's."""

    same_dialect = False

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._reported = AnthropicStreamUsage()

    def _take(self, event: Event) -> bytes:
        read = self._decoded(event.data)
        if read.type == "error" or read.error:
            raise error_in_answer(read.error, event.data, same_dialect=self.same_dialect)
        if read.type == "content_block_delta":
            self._delta(read)
        elif read.type == "content_block_start" and read.content_block is not None:
            self._opened(read.content_block)
        elif read.type == "message_start" and read.message is not None:
            self._started = True
            self._report(read.message.usage)
        elif read.type == "message_delta":
            self._report(read.usage)
        elif read.type == "message_stop":
            if not self._started:
                raise BrokenStream("The provider's stream ended without an answer.")
            self._ended = True
        return self._event(read, event)

    def _delta(self, read: wire.Event) -> None:
        delta = read.delta
        if delta is not None and (piece := delta.text or delta.thinking or delta.partial_json):
            self._wrote([piece])

    def _opened(self, block: wire.Block) -> None:
        if pieces := [piece for piece in (block.thinking, block.text, block.name) if piece]:
            self._wrote(pieces)

    def _report(self, usage: dict[str, object] | None) -> None:
        if usage:
            self._reported.update(usage)
            self.usage = self._reported.usage

    def _decoded(self, data: bytes) -> wire.Event:
        try:
            return wire.decode_event(data)
        except msgspec.ValidationError:
            return self._odd(data)
        except UNREADABLE:
            raise _broken() from None

    def _odd(self, data: bytes) -> wire.Event:
        """Return what stands for an event whose fields have unexpected types."""
        raise _broken()

    def _not_a_stream(self, body: bytes) -> None:
        raise_if_error(body, same_dialect=self.same_dialect)

    @abstractmethod
    def _event(self, read: wire.Event, event: Event) -> bytes:
        """Return what an event means to the client."""


def _broken() -> BrokenStream:
    return BrokenStream("The provider's stream holds something that is no message event.")
