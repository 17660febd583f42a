"""An OpenAI client over a provider of OpenAI's dialect: what has to change changes, all else stays as it came."""

import msgspec
from msgspec import Raw

from services.router.translate.errors import error_in_answer, no_answer, provider_error, raise_if_error
from services.router.translate.openai_stream import OpenAIStream
from services.router.translate.own_fields import take_own_fields
from services.router.translate.request_fields import TRUE, encode, fields_of, set_model_and_stream
from services.router.translate.types import Ask, StreamReader, Whole
from services.router.translate.usage_event import HeldUsage
from shared.errors import InvalidRequest, ProviderError
from shared.sse import Event
from shared.wire.openai import usage_of, whole_usage
from shared.wire.openai_chat import Answer, Choice, decode, pieces_of
from shared.wire.reading import UNREADABLE, object_in

PATH = "/chat/completions"


class OpenAIOverOpenAI:
    """Replaces the model, takes out the gateway's fields, and asks streams for their usage."""

    def ask(self, body: bytes, model: str, *, stream: bool) -> Ask:
        """Return the client's request with all fields that are not ours byte for byte."""
        fields = fields_of(body)
        own = take_own_fields(fields, "openai")
        set_model_and_stream(fields, model, stream=stream)
        hide_usage = stream and _ask_for_usage(fields)
        return Ask(PATH, encode(fields), stream, hide_usage, own)

    def whole(self, ask: Ask, body: bytes, model_group: str, created: int = 0) -> Whole:
        """Return the provider's answer as it came."""
        try:
            answer = decode(body)
        except msgspec.ValidationError:
            if not isinstance(object_in(body).get("choices"), list):
                raise no_answer() from None
            return Whole(body, whole_usage(body), "")
        except UNREADABLE:
            raise no_answer() from None
        if answer.error:
            raise error_in_answer(answer.error, body, same_dialect=True)
        if answer.choices is None:
            raise no_answer()
        messages = [choice.message for choice in answer.choices if choice.message is not None]
        text = "".join(piece for message in messages for piece in pieces_of(message))
        return Whole(body, usage_of(answer.usage, answer.service_tier), text)

    def reader(self, ask: Ask, model_group: str, created: int = 0) -> StreamReader:
        """Return a reader that passes events as they came, but for a usage that the client did not ask for."""
        return _Reader(hide_usage=ask.hide_usage)

    def error(self, status: int, body: bytes, retry_after: str | None) -> ProviderError:
        """Return the provider's error, its body included."""
        return provider_error(status, body, retry_after, same_dialect=True)


def _ask_for_usage(fields: dict[str, Raw]) -> bool:
    """Switch the stream's usage on and tell whether the client had left it off."""
    options: dict[str, Raw] = {}
    given = fields.get("stream_options")
    if given is not None and bytes(given) != b"null":
        try:
            options = fields_of(bytes(given))
        except InvalidRequest:
            raise InvalidRequest("'stream_options' must be an object.", param="stream_options") from None
    if bytes(options.get("include_usage", b"")) == b"true":
        return False
    fields["stream_options"] = Raw(encode({**options, "include_usage": TRUE}))
    return True


class _Reader(OpenAIStream):
    same_dialect = True

    def __init__(self, *, hide_usage: bool) -> None:
        super().__init__()
        self._hide_usage = hide_usage
        self._usage = HeldUsage()
        self._done = b""

    def _chunk(self, chunk: Answer, event: Event) -> bytes:
        if chunk.usage is not None:
            if self._hide_usage:
                return event.raw if chunk.choices else b""
            if not chunk.choices or any(choice.finish_reason for choice in chunk.choices):
                return self._usage.hold(event)
        return self._usage.release() + event.raw

    def _odd(self, data: bytes) -> Answer:
        # A server of this dialect with a twist of its own: the client may know it.
        raise_if_error(data, same_dialect=True)
        document = object_in(data)
        if not document:
            return super()._odd(data)
        usage = document.get("usage")
        return Answer(choices=[Choice()], usage=usage if isinstance(usage, dict) else None)

    def _last(self, event: Event) -> None:
        self._done = event.raw

    def _close(self, cost: float | None) -> bytes:
        return self._usage.told(cost) + self._done
