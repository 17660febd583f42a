"""OpenAI's wire format: chat completions, their streams, and errors."""

import time
from typing import Any

import msgspec

from tollway.demo_provider.ask import Ask
from tollway.demo_provider.behaviour import Behaviour
from tollway.demo_provider.plan import Chunks, StreamPlan
from tollway.demo_provider.text import Answer, ToolCall
from tollway.demo_provider.usage import Usage

encode = msgspec.json.Encoder().encode

_FINISH = {"end": "stop", "length": "length", "tools": "tool_calls"}
_ERROR_TYPES = {401: "invalid_request_error", 404: "invalid_request_error", 429: "requests"}
_DONE = b"data: [DONE]\n\n"


def finish_reason(answer: Answer) -> str:
    """Return why the answer ended, in OpenAI's words."""
    return "stop" if answer.finish.startswith("stop:") else _FINISH.get(answer.finish, answer.finish)


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return the usage object; cached input is a part of the prompt's tokens."""
    return {
        "prompt_tokens": usage.all_input,
        "completion_tokens": usage.output,
        "total_tokens": usage.all_input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _call_id(call_id: str, choice: int, index: int) -> str:
    return f"call_{call_id}_{choice}_{index}"


def _message(answer: Answer, call_id: str, choice: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if answer.tool_calls else "".join(answer.pieces),
        "refusal": None,
        "annotations": [],
    }
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": _call_id(call_id, choice, index),
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.arguments)},
            }
            for index, call in enumerate(answer.tool_calls)
        ]
    return message


def completion(ask: Ask, behaviour: Behaviour, answer: Answer, usage: Usage, call_id: str) -> bytes:
    """Return the body of an answer that is not streamed."""
    finish = finish_reason(answer)
    body: dict[str, Any] = {
        "id": f"chatcmpl-{call_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": ask.model,
        "choices": [
            {"index": n, "message": _message(answer, call_id, n), "logprobs": None, "finish_reason": finish}
            for n in range(ask.n)
        ],
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    }
    if behaviour.usage:
        body["usage"] = usage_json(usage)
    return encode(body)


_Delta = tuple[int, bytes, bytes]
"""A choice's index, the delta that carries a token, and a delta to be sent before it or nothing."""


class _Frames:
    """Frames of one stream; what they share is encoded once."""

    def __init__(self, ask: Ask, call_id: str, *, with_usage: bool) -> None:
        shared = {
            "id": f"chatcmpl-{call_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": ask.model,
            "service_tier": "default",
            "system_fingerprint": "fp_demo",
        }
        self._head = b"data: " + encode(shared)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if with_usage else b"]}\n\n"
        self._starts = [b'%b{"index":%d,"delta":' % (self._head, choice) for choice in range(ask.n)]
        self._end = b',"logprobs":null,"finish_reason":null}' + self._tail

    def delta(self, choice: int, delta: bytes, finish: bytes = b"null") -> bytes:
        return b'%b{"index":%d,"delta":%b,"logprobs":null,"finish_reason":%b}%b' % (
            self._head, choice, delta, finish, self._tail,
        )  # fmt: skip

    def chunk(self, item: _Delta) -> bytes:
        choice, delta, before = item
        frame = self._starts[choice] + delta + self._end
        return self.delta(choice, before) + frame if before else frame

    def usage(self, usage: Usage) -> bytes:
        return self._head + b'],"usage":' + encode(usage_json(usage)) + b"}\n\n"


def stream(ask: Ask, behaviour: Behaviour, answer: Answer, usage: Usage, call_id: str) -> StreamPlan:
    """Return an answer as server-sent events; with several choices their chunks alternate."""
    with_usage = ask.include_usage and behaviour.usage
    frames = _Frames(ask, call_id, with_usage=with_usage)
    choices = range(ask.n)
    role = b'{"role":"assistant","content":%b,"refusal":null}' % (b"null" if answer.tool_calls else b'""')
    finish = encode(finish_reason(answer))
    closing = b"".join(frames.delta(n, b"{}", finish) for n in choices)
    if with_usage:
        closing += frames.usage(usage)
    items = _deltas(b"reasoning_content", answer.reasoning, choices) + _deltas(b"content", answer.pieces, choices)
    for index, call in enumerate(answer.tool_calls):
        items.extend(_tool_deltas(call, index, call_id, choices))
    opening = b"".join(frames.delta(n, role) for n in choices)
    return StreamPlan(opening, Chunks(items, frames.chunk), closing + _DONE)


def _deltas(field: bytes, pieces: tuple[str, ...], choices: range) -> list[_Delta]:
    distinct = {piece: [(n, b'{"%b":%b}' % (field, encode(piece)), b"") for n in choices] for piece in set(pieces)}
    return [delta for piece in pieces for delta in distinct[piece]]


def _tool_deltas(call: ToolCall, index: int, call_id: str, choices: range) -> list[_Delta]:
    deltas: list[_Delta] = []
    for position, piece in enumerate(call.arguments):
        delta = b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}' % (index, encode(piece))
        for n in choices:
            start = b"" if position else _tool_start(call, index, _call_id(call_id, n, index))
            deltas.append((n, delta, start))
    return deltas


def _tool_start(call: ToolCall, index: int, call_id: str) -> bytes:
    function = {"name": call.name, "arguments": ""}
    return encode({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})


def error(status: int, message: str, param: str | None = None, code: str | None = None) -> bytes:
    """Return an error's body."""
    kind = _ERROR_TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    if status == 429:
        code = code or "rate_limit_exceeded"
    return encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def error_event(status: int, message: str) -> bytes:
    """Return an error inside a stream."""
    return b"data: " + error(status, message) + b"\n\n"
