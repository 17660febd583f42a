"""OpenAI's chat requests as clients send them; fields that nobody here reads are left out."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType


class ImageUrl(msgspec.Struct):
    """Where an image is: an address or a data URL."""

    url: str


class FileData(msgspec.Struct):
    """A file by its id at OpenAI, or as a data URL."""

    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None


class Part(msgspec.Struct):
    """A part of a message of any type."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    file: FileData | None = None
    cache_control: Any = None
    """Anthropic's marker, as LiteLLM lets clients of this dialect set it."""


class CalledFunction(msgspec.Struct):
    """A function's name and its arguments as JSON text."""

    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct):
    """A call that the assistant made."""

    id: str
    type: str = "function"
    function: CalledFunction | None = None


class Message(msgspec.Struct):
    """A message of any role."""

    role: str
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    thinking_blocks: list[dict[str, Any]] | None = None
    """Signed thinking that we gave to the client, under LiteLLM's name for it."""
    function_call: Any = None
    audio: Any = None
    cache_control: Any = None
    is_error: bool | None = None


class FunctionDefinition(msgspec.Struct):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct):
    """A tool; what is no function keeps only its type."""

    type: str = "function"
    function: FunctionDefinition | None = None
    cache_control: Any = None


class NamedFunction(msgspec.Struct):
    """A function by its name alone."""

    name: str


class ToolChoice(msgspec.Struct):
    """A tool choice that is more than a word."""

    type: str
    function: NamedFunction | None = None


class StreamOptions(msgspec.Struct):
    """What a stream carries beside the answer."""

    include_usage: bool | None = None


class ChatRequest(msgspec.Struct):
    """The body of a chat request."""

    messages: list[Message]
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: str | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    reasoning_effort: str | None = None
    response_format: dict[str, Any] | None = None
    service_tier: str | None = None
    thinking: Raw | UnsetType = UNSET
    """Anthropic's own field, which goes on as it is."""


decode = msgspec.json.Decoder(ChatRequest).decode
