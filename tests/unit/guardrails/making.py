"""Guardrails and streams as the tests need them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from services.guardrails.checks.registry import build
from services.guardrails.domain.answer_stream import AnswerStream
from services.guardrails.domain.guardrail import Guardrail
from shared.errors import Dialect
from shared.settings.guardrails import GuardrailSettings


def banned(*words: str, **settings: Any) -> Guardrail:
    """Return a guardrail that bans words."""
    return build([GuardrailSettings(name="words", type="banned_words", words=words, **settings)])[0]


def masking(*patterns: str, **settings: Any) -> Guardrail:
    """Return a guardrail that masks patterns."""
    return build([GuardrailSettings(name="mask", type="regex_mask", patterns=patterns, **settings)])[0]


def cuts(data: Any) -> st.SearchStrategy[list[Any]]:
    """Return ways to cut a text, or bytes, into pieces."""
    places = st.lists(st.integers(0, len(data)), max_size=12).map(sorted)
    return places.map(lambda at: [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)])


def openai_events(deltas: Iterable[dict[str, Any]], **last: Any) -> list[bytes]:
    """Return the events of a streamed chat completion; each delta is of choice 0 unless it has a `choice`."""
    events = []
    for delta in deltas:
        choice = {"index": delta.get("choice", 0), "delta": {k: v for k, v in delta.items() if k != "choice"}}
        events.append(choice | {"finish_reason": None})
    chunks: list[dict[str, Any]] = [{"id": "c1", "created": 1.50, "choices": [choice]} for choice in events]
    chunks.append({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({"id": "c1", "choices": [], "usage": {"total_tokens": 7}})
    return [b"data: %b\n\n" % json.dumps(chunk | last).encode() for chunk in chunks] + [b"data: [DONE]\n\n"]


def anthropic_events(blocks: Iterable[tuple[str, Sequence[str]]]) -> list[bytes]:
    """Return the events of a streamed message with these content blocks, by type and pieces."""
    fields = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}
    deltas = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "m1", "content": []}}]
    for index, (kind, pieces) in enumerate(blocks):
        block = {"type": kind, "id": "t1", "name": "look", "input": {}} if kind == "tool_use" else {"type": kind}
        if kind != "tool_use":
            block[kind] = ""
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        for piece in pieces:
            delta = {"type": deltas[kind], fields[kind]: piece}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}})
    events.append({"type": "message_stop"})
    return [b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in events]


def streamed(dialect: Dialect, guardrails: Sequence[Guardrail], pieces: Iterable[bytes]) -> list[dict[str, Any]]:
    """Pass pieces through a checked stream and return the events that came out, `[DONE]` as an empty one."""
    stream = AnswerStream(dialect, guardrails)
    out = b"".join([stream.feed(piece) for piece in pieces]) + stream.finish()
    datas = [line[6:] for line in out.split(b"\n") if line.startswith(b"data: ")]
    return [{} if data == b"[DONE]" else json.loads(data) for data in datas]


def openai_text(events: Iterable[dict[str, Any]], field: str = "content", choice: int = 0) -> str:
    """Return a field of a choice, its pieces joined."""
    return "".join(
        each["delta"].get(field) or ""
        for event in events
        for each in event.get("choices", ())
        if each["index"] == choice
    )


def openai_arguments(events: Iterable[dict[str, Any]]) -> str:
    """Return the arguments of the first tool call of choice 0."""
    return "".join(
        call["function"].get("arguments", "")
        for event in events
        for each in event.get("choices", ())
        for call in each["delta"].get("tool_calls", ())
    )


def anthropic_text(events: Iterable[dict[str, Any]], index: int) -> str:
    """Return what the deltas of a content block say."""
    deltas = [event["delta"] for event in events if event.get("index") == index and "delta" in event]
    return "".join(value for delta in deltas for name, value in delta.items() if name != "type")
