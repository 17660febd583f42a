"""What a request asked for, whichever wire format it came in."""

from dataclasses import dataclass, field
from typing import Any


class RefusedError(Exception):
    """The request is answered with an error status, as the provider of that dialect would.

    `status` is the HTTP status, `param` the offending parameter and `code` the machine-readable reason.
    """

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the caller offers, with the JSON Schema of its arguments."""

    name: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A valid request for an answer.

    `forced_tool` is the tool that must be called, "" when any must, None when none must.
    `tool_result` is the text of the last tool result when the request ends in one.
    """

    model: str
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    last_user: str = ""
    tool_result: str | None = None
    tools: tuple[Tool, ...] = field(default=())
    forced_tool: str | None = None
    parallel: bool = True
    thinking: bool = False
    nonce: str | None = None
    input_tokens: int = 0


def tokens_in(text: str) -> int:
    """Count a text's input tokens: one for every four characters begun."""
    return (len(text) + 3) // 4


IMAGE_TOKENS = 85
"""What an image, a sound or a file counts as input, whatever its size (OpenAI's low-detail image)."""


def nonce_in(text: str) -> str | None:
    """Return the word after `nonce:` in a prompt, or None."""
    _, found, rest = text.partition("nonce:")
    words = rest.split(maxsplit=1) if found else []
    return words[0][:100] if words else None
