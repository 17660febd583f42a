"""An Anthropic client over a provider of Anthropic's dialect: what has to change changes, all else stays as it came."""

import msgspec

from services.router.translate.anthropic_stream import AnthropicStream
from services.router.translate.errors import error_in_answer, no_answer, provider_error
from services.router.translate.own_fields import take_own_fields
from services.router.translate.request_fields import encode, fields_of, set_model_and_stream
from services.router.translate.types import Ask, StreamReader, Whole
from services.router.translate.usage_event import HeldUsage
from shared.errors import ProviderError
from shared.sse import Event
from shared.wire import anthropic_messages as wire
from shared.wire.anthropic import usage_of, whole_usage
from shared.wire.reading import UNREADABLE, object_in

PATH = "/v1/messages"


class AnthropicOverAnthropic:
    """Replaces the model and takes out the gateway's fields."""

    def ask(self, body: bytes, model: str, *, stream: bool) -> Ask:
        """Return the client's request with all fields that are not ours byte for byte."""
        fields = fields_of(body)
        own = take_own_fields(fields, "anthropic")
        set_model_and_stream(fields, model, stream=stream)
        return Ask(PATH, encode(fields), stream, own=own)

    def whole(self, ask: Ask, body: bytes, model_group: str, created: int = 0) -> Whole:
        """Return the provider's answer as it came."""
        try:
            message = wire.decode(body)
        except msgspec.ValidationError:
            if not isinstance(object_in(body).get("content"), list):
                raise no_answer() from None
            return Whole(body, whole_usage(body), "")
        except UNREADABLE:
            raise no_answer() from None
        if message.type == "error" or message.error:
            raise error_in_answer(message.error, body, same_dialect=True)
        if message.content is None:
            raise no_answer()
        text = "".join(piece for block in message.content for piece in wire.written_in(block))
        return Whole(body, usage_of(message.usage), text)

    def reader(self, ask: Ask, model_group: str, created: int = 0) -> StreamReader:
        """Return a reader that passes events as they came."""
        return _Reader()

    def error(self, status: int, body: bytes, retry_after: str | None) -> ProviderError:
        """Return the provider's error, its body included."""
        return provider_error(status, body, retry_after, same_dialect=True)


class _Reader(AnthropicStream):
    same_dialect = True

    def __init__(self) -> None:
        super().__init__()
        self._usage = HeldUsage()
        self._stop = b""

    def _event(self, read: wire.Event, event: Event) -> bytes:
        if self._ended:
            self._stop = event.raw
            return b""
        if read.type == "message_delta" and read.usage:
            return self._usage.hold(event)
        return event.raw if read.type == "ping" else self._usage.release() + event.raw

    def _odd(self, data: bytes) -> wire.Event:
        # A kind of event that is newer than this reader: the client may know it.
        kind = object_in(data).get("type")
        if not isinstance(kind, str) or kind in ("message_start", "message_stop", "error"):
            return super()._odd(data)
        return wire.Event(type="")

    def _close(self, cost: float | None) -> bytes:
        return self._usage.told(cost) + self._stop
