"""An Anthropic client over a provider of OpenAI's dialect."""

from services.router.translate.anthropic_events import BlockWriter, message_end, message_start
from services.router.translate.anthropic_to_openai import openai_request
from services.router.translate.arguments import to_anthropic_id, to_input
from services.router.translate.errors import error_in_answer, no_answer, provider_error
from services.router.translate.finish_reasons import to_stop_reason
from services.router.translate.openai_stream import OpenAIStream
from services.router.translate.own_fields import take_own_fields
from services.router.translate.request_fields import encode, fields_of, typed
from services.router.translate.streamed_calls import StreamedCalls
from services.router.translate.types import Ask, StreamReader, Whole
from services.router.translate.usage_json import anthropic_whole_usage
from shared.errors import ProviderError
from shared.sse import Event
from shared.wire import anthropic_request
from shared.wire.openai import usage_of
from shared.wire.openai_chat import Answer, Choice, Message, decode, pieces_of
from shared.wire.reading import UNREADABLE

PATH = "/chat/completions"


class AnthropicOverOpenAI:
    """Asks for a chat completion and gives a message; docs/translation.md says what becomes of what."""

    def ask(self, body: bytes, model: str, *, stream: bool) -> Ask:
        """Return the request in OpenAI's dialect."""
        fields = fields_of(body)
        own = take_own_fields(fields, "anthropic")
        request = typed(anthropic_request.decode, body)
        return Ask(PATH, encode(openai_request(request, fields, model, stream=stream)), stream, own=own)

    def whole(self, ask: Ask, body: bytes, model_group: str, created: int = 0) -> Whole:
        """Return the chat completion as a message."""
        try:
            answer = decode(body)
        except UNREADABLE:
            raise no_answer() from None
        if answer.error:
            raise error_in_answer(answer.error, body, same_dialect=False)
        if not answer.choices or answer.choices[0].message is None:
            raise no_answer()
        choice, said = answer.choices[0], answer.choices[0].message
        usage = usage_of(answer.usage, answer.service_tier)
        message = {
            "id": _id(answer.id),
            "type": "message",
            "role": "assistant",
            "model": answer.model or model_group,
            "content": _blocks(said, _id(answer.id)),
            "stop_reason": _stop_reason(choice, said),
            "stop_sequence": None,
            "usage": anthropic_whole_usage(usage),
        }
        return Whole(encode(message), usage, "".join(pieces_of(said)))

    def reader(self, ask: Ask, model_group: str, created: int = 0) -> StreamReader:
        """Return a reader that writes message events."""
        return _Reader(model_group)

    def error(self, status: int, body: bytes, retry_after: str | None) -> ProviderError:
        """Return the provider's error."""
        return provider_error(status, body, retry_after, same_dialect=False)


def _id(answer_id: str | None) -> str:
    return "msg_" + (answer_id or "").removeprefix("chatcmpl-")


def _stop_reason(choice: Choice, said: Message) -> str:
    calls, refuses = bool(said.tool_calls), bool(said.refusal)
    return to_stop_reason(choice.finish_reason, calls_tools=calls, refuses=refuses)


def _blocks(said: Message, message_id: str) -> list[dict[str, object]]:
    blocks: list[dict[str, object]] = []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": ""})
    if text := said.said or said.refusal:
        blocks.append({"type": "text", "text": text})
    for index, call in enumerate(said.tool_calls or ()):
        if call.function is not None:
            call_id = to_anthropic_id(call.id) if call.id else f"toolu_{to_anthropic_id(message_id)}_{index}"
            called = {"id": call_id, "name": call.function.name or ""}
            blocks.append({"type": "tool_use", **called, "input": to_input(call.function.arguments)})
    return blocks


class _Reader(OpenAIStream):
    """Gives what comes as blocks: thinking, text, then tool calls; text that comes after a call follows them all."""

    def __init__(self, model_group: str) -> None:
        super().__init__()
        self._model_group = model_group
        self._writer = BlockWriter()
        self._calls = StreamedCalls("")
        self._late_text: list[str] = []
        self._finish_reason: str | None = None
        self._refuses = False

    def _chunk(self, chunk: Answer, event: Event) -> bytes:
        out = self._start(chunk) if self._chunks == 1 else b""
        for choice in chunk.choices or ():
            if choice.index:
                continue
            self._finish_reason = choice.finish_reason or self._finish_reason
            if choice.delta is not None:
                out += self._delta(choice.delta)
        return out

    def _start(self, chunk: Answer) -> bytes:
        message_id = _id(chunk.id)
        self._calls = StreamedCalls(message_id)
        return message_start(message_id, chunk.model or self._model_group)

    def _delta(self, delta: Message) -> bytes:
        out = b""
        if (thought := delta.thought) and not self._calls:
            out += self._writer.write("thinking", thought)
        if text := delta.said or delta.refusal:
            self._refuses = self._refuses or bool(delta.refusal)
            if self._calls:
                self._late_text.append(text)
            else:
                out += self._writer.write("text", text)
        if delta.tool_calls:
            out += self._calls.add(delta.tool_calls, self._writer)
        return out

    def _close(self, cost: float | None) -> bytes:
        out = self._calls.rest(self._writer)
        if self._late_text:
            out += self._writer.write("text", "".join(self._late_text))
        reason = to_stop_reason(self._finish_reason, calls_tools=bool(self._calls), refuses=self._refuses)
        return out + self._writer.close() + message_end(reason, self.usage, cost)
