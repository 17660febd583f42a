"""Writing Anthropic's message events: content blocks that are numbered, opened and closed, one at a time."""

from typing import Any

import msgspec

from services.router.translate.usage_json import anthropic_usage, with_cost
from shared.pricing.usage import Usage

_encode = msgspec.json.Encoder().encode

_DELTAS = {
    "text": (b"text_delta", b"text"),
    "thinking": (b"thinking_delta", b"thinking"),
    "tool_use": (b"input_json_delta", b"partial_json"),
}
"""Type and field of the deltas of each type of block."""

_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, **fields}))


def message_start(message_id: str, model: str) -> bytes:
    """Return a stream's first event; its usage is zeros, since OpenAI reports usage at the end."""
    message: dict[str, Any] = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": anthropic_usage(None),
    }
    return _event("message_start", {"message": message})


def message_end(stop_reason: str, usage: Usage | None, cost: float | None) -> bytes:
    """Return a stream's last two events, the usage in the first of them, with its dollars where they are known."""
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    told = with_cost(anthropic_usage(usage), cost)
    return _event("message_delta", {"delta": delta, "usage": told}) + _event("message_stop", {})


class BlockWriter:
    """Writes the content blocks of one message."""

    def __init__(self) -> None:
        self._index = -1
        self._type = ""
        self._head = b""

    def write(self, kind: str, piece: str) -> bytes:
        """Return a piece of a `text` or `thinking` block, which is opened first where another one is open."""
        opened = b"" if kind == self._type else self.open(_EMPTY[kind])
        return opened + self.delta(piece)

    def open(self, block: dict[str, Any]) -> bytes:
        """Return the end of the open block, if there is one, and the start of another."""
        closed = self.close()
        self._index += 1
        self._type = block["type"]
        kind, field = _DELTAS[self._type]
        self._head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
            % (self._index, kind, field)
        )
        return closed + _event("content_block_start", {"index": self._index, "content_block": block})

    def delta(self, piece: str) -> bytes:
        """Return a piece of the open block."""
        return self._head + _encode(piece) + b"}}\n\n"

    def close(self) -> bytes:
        """Return the end of the open block, if there is one."""
        if not self._type:
            return b""
        self._type = ""
        return _event("content_block_stop", {"index": self._index})
