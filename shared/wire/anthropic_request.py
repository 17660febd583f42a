"""Anthropic's message requests as clients send them; fields that nobody here reads are left out."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Source(msgspec.Struct):
    """Where an image or document is."""

    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    content: "str | list[Block] | None" = None


class Block(msgspec.Struct):
    """A content block of any type."""

    type: str
    text: str = ""
    source: Source | str | None = None
    title: str | None = None
    context: str | None = None
    id: str = ""
    name: str = ""
    input: Raw | UnsetType = UNSET
    tool_use_id: str = ""
    content: "str | list[Block] | None" = None
    is_error: bool | None = None


class Message(msgspec.Struct):
    """One turn."""

    role: str
    content: str | list[Block]


class Tool(msgspec.Struct):
    """A function that the model may call, or with another `type` one of Anthropic's own tools."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class ToolChoice(msgspec.Struct):
    """Whether tools may, must or must not be called, or which one must be."""

    type: str
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct):
    """Whether the model thinks aloud, and for how many tokens at most."""

    type: str
    budget_tokens: int | None = None


class Metadata(msgspec.Struct):
    """Who is asking."""

    user_id: str | None = None


class OutputConfig(msgspec.Struct):
    """How much effort the answer deserves, and its form."""

    effort: str | None = None
    format: dict[str, Any] | None = None


class MessagesRequest(msgspec.Struct):
    """The body of a request for a message."""

    messages: list[Message]
    max_tokens: int
    system: str | list[Block] | None = None
    stop_sequences: list[str] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    metadata: Metadata | None = None
    output_config: OutputConfig | None = None
    service_tier: str | None = None


decode = msgspec.json.Decoder(MessagesRequest).decode
