"""A tool call's arguments: text in OpenAI's dialect, an object in Anthropic's; and the ids of calls."""

import re
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from shared.wire.reading import UNREADABLE

_object = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode
_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")

NO_ARGUMENTS = Raw(b"{}")


def to_input(arguments: str | None) -> Raw:
    """Return arguments as the bytes of a JSON object.

    Models write broken JSON at times, and half of it where they ran out of tokens; that is wrapped as Anthropic's
    documentation of fine-grained tool streaming advises.
    """
    if not arguments or not arguments.strip():
        return NO_ARGUMENTS
    data = arguments.encode(errors="replace")
    try:
        _object.decode(data)
    except UNREADABLE:
        return Raw(_encode({"INVALID_JSON": arguments}))
    return Raw(data)


def to_arguments(value: Raw | UnsetType) -> str:
    """Return an input object as the text that it was written as."""
    return "{}" if value is UNSET else bytes(value).decode(errors="replace")


def to_anthropic_id(call_id: str) -> str:
    """Return a call's id in the characters that Anthropic allows in one; a call and its result change alike."""
    return _NOT_IN_AN_ID.sub("_", call_id) or "_"
