"""Anthropic's messages as a provider answers them, whole and streamed."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Block(msgspec.Struct):
    """A content block of any type."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw | UnsetType = UNSET


class Delta(msgspec.Struct):
    """What is new in a block, or at the end in the message."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Message(msgspec.Struct):
    """A whole message, or its head at the start of a stream, or the error in place of it."""

    type: str = ""
    id: str = ""
    model: str = ""
    content: list[Block] | None = None
    stop_reason: str | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


class Event(msgspec.Struct):
    """One event of a stream."""

    type: str = ""
    index: int = 0
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


decode = msgspec.json.Decoder(Message).decode
decode_event = msgspec.json.Decoder(Event).decode


def written_in(block: Block) -> list[str]:
    """Return what the model wrote in a block, without empty pieces."""
    arguments = bytes(block.input).decode(errors="replace") if block.input is not UNSET else ""
    return [piece for piece in (block.thinking, block.text, block.name, arguments) if piece]
