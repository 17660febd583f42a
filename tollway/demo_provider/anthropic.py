"""Anthropic's wire format: messages, their streams, and errors."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tollway.demo_provider.ask import Ask
from tollway.demo_provider.behaviour import Behaviour
from tollway.demo_provider.plan import Chunks, StreamPlan
from tollway.demo_provider.text import Answer, ToolCall
from tollway.demo_provider.usage import Usage

encode = msgspec.json.Encoder().encode

SIGNATURE = "RGVtbyBwcm92aWRlcjogdGhpcyB0aGlua2luZyBpcyBzaWduZWQu"
"""The signature of every thinking block."""

_FINISH = {"end": "end_turn", "length": "max_tokens", "tools": "tool_use"}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Error types by status, from Anthropic's API reference, "Errors"."""

_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def stop_reason(answer: Answer) -> tuple[str, str | None]:
    """Return why the answer ended, in Anthropic's words, and the stop sequence if that was it."""
    if answer.finish.startswith("stop:"):
        return "stop_sequence", answer.finish.removeprefix("stop:")
    return _FINISH.get(answer.finish, answer.finish), None


def _usage_json(usage: Usage, output: int) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def _call_id(call_id: str, index: int) -> str:
    return f"toolu_{call_id}_{index}"


def _content(answer: Answer, call_id: str) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if answer.reasoning:
        blocks.append({"type": "thinking", "thinking": "".join(answer.reasoning), "signature": SIGNATURE})
    if answer.pieces:
        blocks.append({"type": "text", "text": "".join(answer.pieces)})
    for index, call in enumerate(answer.tool_calls):
        block = {"type": "tool_use", "id": _call_id(call_id, index), "name": call.name}
        blocks.append({**block, "input": _input("".join(call.arguments))})
    return blocks


def _input(arguments: str) -> Any:
    try:
        return msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return {}


def _head(ask: Ask, call_id: str) -> dict[str, Any]:
    return {"id": f"msg_{call_id}", "type": "message", "role": "assistant", "model": ask.model}


def message(ask: Ask, behaviour: Behaviour, answer: Answer, usage: Usage, call_id: str) -> bytes:
    """Return the body of an answer that is not streamed."""
    reason, sequence = stop_reason(answer)
    body = {
        **_head(ask, call_id),
        "content": _content(answer, call_id),
        "stop_reason": reason,
        "stop_sequence": sequence,
    }
    if behaviour.usage:
        body["usage"] = _usage_json(usage, usage.output)
    return encode(body)


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode({"type": kind, **fields}))


_Delta = tuple[bytes, bytes, bytes]
"""The frames before a delta, its beginning, and the piece of text in it as JSON."""


class _Blocks:
    """The content blocks of one stream, each numbered, opened and closed."""

    def __init__(self) -> None:
        self.items: list[_Delta] = []
        self._before = b""
        self._index = 0

    def add(self, start: dict[str, Any], delta: tuple[str, str], pieces: Sequence[str], end: bytes = b"") -> None:
        opened = _event("content_block_start", {"index": self._index, "content_block": start})
        self._before += opened + (_PING if self._index == 0 else b"")
        kind, field = delta
        head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"%b","%b":' % (self._index, kind.encode(), field.encode())
        )
        distinct = {piece: (b"", head, encode(piece)) for piece in set(pieces)}
        if pieces:
            self.items.append((self._before, head, encode(pieces[0])))
            self.items.extend(distinct[piece] for piece in pieces[1:])
            self._before = b""
        self._before += end + _event("content_block_stop", {"index": self._index})
        self._index += 1

    def signature(self) -> bytes:
        delta = {"type": "signature_delta", "signature": SIGNATURE}
        return _event("content_block_delta", {"index": self._index, "delta": delta})

    def rest(self) -> bytes:
        return self._before


def stream(ask: Ask, behaviour: Behaviour, answer: Answer, usage: Usage, call_id: str) -> StreamPlan:
    """Return an answer as server-sent events."""
    started = {**_head(ask, call_id), "content": [], "stop_reason": None, "stop_sequence": None}
    if behaviour.usage:
        started["usage"] = _usage_json(usage, 1)
    blocks = _Blocks()
    if answer.reasoning:
        thinking = {"type": "thinking", "thinking": "", "signature": ""}
        blocks.add(thinking, ("thinking_delta", "thinking"), answer.reasoning, blocks.signature())
    if answer.pieces:
        blocks.add({"type": "text", "text": ""}, ("text_delta", "text"), answer.pieces)
    for index, call in enumerate(answer.tool_calls):
        start = _tool_start(call, _call_id(call_id, index))
        blocks.add(start, ("input_json_delta", "partial_json"), call.arguments)
    closing = blocks.rest() + _message_delta(answer, behaviour, usage) + _STOP
    return StreamPlan(
        _event("message_start", {"message": started}), Chunks(blocks.items, b"%b%b%b}}\n\n".__mod__), closing
    )


def _tool_start(call: ToolCall, call_id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": call.name, "input": {}}


def _message_delta(answer: Answer, behaviour: Behaviour, usage: Usage) -> bytes:
    reason, sequence = stop_reason(answer)
    fields: dict[str, Any] = {"delta": {"stop_reason": reason, "stop_sequence": sequence}}
    if behaviour.usage:
        fields["usage"] = {
            "input_tokens": usage.input,
            "cache_creation_input_tokens": usage.cache_write,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": usage.output,
        }
    return _event("message_delta", fields)


def error(status: int, text: str, param: str | None = None, code: str | None = None) -> bytes:
    """Return an error's body; Anthropic names neither parameter nor code."""
    kind = _ERROR_TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    return encode({"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_demo"})


def error_event(status: int, text: str) -> bytes:
    """Return an error inside a stream."""
    return b"event: error\ndata: " + error(status, text) + b"\n\n"
