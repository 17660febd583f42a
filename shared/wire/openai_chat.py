"""OpenAI's chat completions as a provider answers them, whole and streamed.

What a field may hold differs between servers of this dialect, so only what is used has a type.
"""

from typing import Any

import msgspec


class Function(msgspec.Struct):
    """A called function, or in a stream a piece of one."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A call, or in a stream a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Message(msgspec.Struct):
    """What the model wrote, or in a stream what is new of it."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    """The name that vLLM and OpenRouter have for `reasoning_content`."""
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None

    @property
    def said(self) -> str:
        """The text, empty when there is none."""
        return self.content if isinstance(self.content, str) else ""

    @property
    def thought(self) -> str:
        """The reasoning under either name, empty when there is none."""
        thought = self.reasoning_content or self.reasoning
        return thought if isinstance(thought, str) else ""


class Choice(msgspec.Struct):
    """One of the answers; `message` when it is whole, `delta` in a stream."""

    index: int = 0
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None


class Answer(msgspec.Struct):
    """A chat completion, a chunk of one, or the error in place of it."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    service_tier: Any = None
    error: Any = None


decode = msgspec.json.Decoder(Answer).decode


def pieces_of(message: Message) -> list[str]:
    """Return all that a message or delta holds of the model's writing; empty pieces are left out."""
    pieces = [piece for piece in (message.thought, message.said, message.refusal) if piece]
    for call in message.tool_calls or ():
        if call.function is not None:
            pieces += [piece for piece in (call.function.name, call.function.arguments) if piece]
    return pieces
