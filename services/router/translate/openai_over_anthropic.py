"""An OpenAI client over a provider of Anthropic's dialect."""

from collections.abc import Callable

from services.router.translate.anthropic_stream import AnthropicStream
from services.router.translate.arguments import to_arguments
from services.router.translate.errors import error_in_answer, no_answer, provider_error
from services.router.translate.finish_reasons import to_finish_reason
from services.router.translate.openai_chunks import DONE, ChunkWriter
from services.router.translate.openai_to_anthropic import anthropic_request
from services.router.translate.own_fields import take_own_fields
from services.router.translate.request_fields import encode, fields_of, typed
from services.router.translate.types import Ask, StreamReader, Whole
from services.router.translate.usage_json import openai_usage
from shared.errors import BrokenStream, ProviderError
from shared.sse import Event
from shared.wire import anthropic_messages as wire
from shared.wire import openai_request
from shared.wire.anthropic import usage_of
from shared.wire.reading import UNREADABLE

PATH = "/v1/messages"


class OpenAIOverAnthropic:
    """Asks for a message and gives a chat completion; docs/translation.md says what becomes of what."""

    def ask(self, body: bytes, model: str, *, stream: bool) -> Ask:
        """Return the request in Anthropic's dialect."""
        fields = fields_of(body)
        own = take_own_fields(fields, "openai")
        request = typed(openai_request.decode, body)
        options = request.stream_options
        hide_usage = stream and not (options is not None and options.include_usage)
        return Ask(PATH, encode(anthropic_request(request, fields, model, stream=stream)), stream, hide_usage, own)

    def whole(self, ask: Ask, body: bytes, model_group: str, created: int = 0) -> Whole:
        """Return the message as a chat completion that was made at `created`, in Unix seconds."""
        try:
            message = wire.decode(body)
        except UNREADABLE:
            raise no_answer() from None
        if message.type == "error" or message.error:
            raise error_in_answer(message.error, body, same_dialect=False)
        if message.content is None:
            raise no_answer()
        usage = usage_of(message.usage)
        completion = {
            "id": _id(message.id),
            "object": "chat.completion",
            "created": created,
            "model": message.model or model_group,
            "choices": [
                {
                    "index": 0,
                    "message": _message(message.content),
                    "logprobs": None,
                    "finish_reason": to_finish_reason(message.stop_reason),
                }
            ],
        }
        if usage is not None:
            completion["usage"] = openai_usage(usage)
        return Whole(encode(completion), usage, "".join(p for b in message.content for p in wire.written_in(b)))

    def reader(self, ask: Ask, model_group: str, created: int = 0) -> StreamReader:
        """Return a reader that writes chunks that were made at `created`, in Unix seconds."""
        return _Reader(model_group, created, with_usage=not ask.hide_usage)

    def error(self, status: int, body: bytes, retry_after: str | None) -> ProviderError:
        """Return the provider's error."""
        return provider_error(status, body, retry_after, same_dialect=False)


def _id(message_id: str) -> str:
    return "chatcmpl-" + message_id.removeprefix("msg_")


def _message(blocks: list[wire.Block]) -> dict[str, object]:
    texts = [block.text for block in blocks if block.type == "text"]
    calls = [block for block in blocks if block.type == "tool_use"]
    message: dict[str, object] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not calls else None,
        "refusal": None,
    }
    if thinking := [block for block in blocks if block.type == "thinking"]:
        message["reasoning_content"] = "".join(block.thinking for block in thinking)
    if kept := [_thinking_block(block) for block in blocks if block.type in ("thinking", "redacted_thinking")]:
        message["thinking_blocks"] = kept
    if calls:
        message["tool_calls"] = [
            {
                "id": block.id,
                "type": "function",
                "function": {"name": block.name, "arguments": to_arguments(block.input)},
            }
            for block in calls
        ]
    return message


def _thinking_block(block: wire.Block) -> dict[str, object]:
    if block.type == "thinking":
        return {"type": block.type, "thinking": block.thinking, "signature": block.signature}
    return {"type": block.type, "data": block.data}


class _Reader(AnthropicStream):
    def __init__(self, model_group: str, created: int, *, with_usage: bool) -> None:
        super().__init__()
        self._model_group = model_group
        self._created = created
        self._with_usage = with_usage
        self._writer: ChunkWriter | None = None
        self._block = wire.Block()
        self._thinking: list[str] = []
        self._thoughts = 0
        self._calls = 0
        self._has_arguments = False
        self._finished = False

    def _event(self, read: wire.Event, event: Event) -> bytes:
        if read.type == "message_start" and read.message is not None:
            return self._start(read.message)
        write = _WRITERS.get(read.type)
        if write is None:
            return b""
        if self._writer is None:
            raise BrokenStream("The provider's stream holds content before its start.")
        return write(self, read, self._writer)

    def _start(self, message: wire.Message) -> bytes:
        model = message.model or self._model_group
        self._writer = ChunkWriter(_id(message.id), model, self._created, with_usage=self._with_usage)
        return self._writer.delta({"role": "assistant", "content": "", "refusal": None})

    def _open(self, read: wire.Event, writer: ChunkWriter) -> bytes:
        self._block = block = read.content_block or wire.Block()
        if block.type == "tool_use":
            self._calls += 1
            self._has_arguments = False
            function = {"name": block.name, "arguments": ""}
            call = {"index": self._calls - 1, "id": block.id, "type": "function", "function": function}
            return writer.delta({"tool_calls": [call]})
        if block.type == "redacted_thinking":
            return self._thought(block, writer)
        if block.type == "thinking":
            self._thinking = [block.thinking]
            return writer.text(b"reasoning_content", block.thinking) if block.thinking else b""
        return writer.text(b"content", block.text) if block.type == "text" and block.text else b""

    def _content(self, read: wire.Event, writer: ChunkWriter) -> bytes:
        delta, kind = read.delta or wire.Delta(), self._block.type
        if kind == "text" and delta.text:
            return writer.text(b"content", delta.text)
        if kind == "thinking" and delta.thinking:
            self._thinking.append(delta.thinking)
            return writer.text(b"reasoning_content", delta.thinking)
        if kind == "thinking" and delta.signature:
            self._block.signature = delta.signature
        elif kind == "tool_use" and delta.partial_json:
            self._has_arguments = True
            return self._arguments(delta.partial_json, writer)
        return b""

    def _arguments(self, arguments: str, writer: ChunkWriter) -> bytes:
        return writer.delta({"tool_calls": [{"index": self._calls - 1, "function": {"arguments": arguments}}]})

    def _stop(self, read: wire.Event, writer: ChunkWriter) -> bytes:
        block, self._block = self._block, wire.Block()
        if block.type == "tool_use" and not self._has_arguments:
            # A call without arguments streams none, where clients of OpenAI read JSON.
            arguments = to_arguments(block.input)
            return self._arguments(arguments, writer)
        if block.type == "thinking":
            block.thinking = "".join(self._thinking)
            return self._thought(block, writer)
        return b""

    def _thought(self, block: wire.Block, writer: ChunkWriter) -> bytes:
        # OpenAI's SDK joins the entries of a list by their index, and fails on those that have none.
        entry = {"index": self._thoughts, **_thinking_block(block)}
        self._thoughts += 1
        return writer.delta({"thinking_blocks": [entry]})

    def _finish(self, read: wire.Event, writer: ChunkWriter) -> bytes:
        if read.delta is None or read.delta.stop_reason is None or self._finished:
            return b""
        self._finished = True
        return writer.finish(to_finish_reason(read.delta.stop_reason))

    def _close(self, cost: float | None) -> bytes:
        if self._writer is None:
            raise BrokenStream("The provider's stream ended without an answer.")
        last = b"" if self._finished else self._writer.finish("stop")
        return last + (self._writer.usage(self.usage, cost) if self._with_usage else b"") + DONE


_WRITERS: dict[str, Callable[[_Reader, wire.Event, ChunkWriter], bytes]] = {
    "content_block_start": _Reader._open,
    "content_block_delta": _Reader._content,
    "content_block_stop": _Reader._stop,
    "message_delta": _Reader._finish,
}
"""What becomes of each kind of event after the first."""
