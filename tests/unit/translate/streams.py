"""Providers' streams as bytes, and what a reader makes of them."""

from itertools import pairwise
from typing import Any

import msgspec

from services.router.translate import Ask, StreamReader, translator
from shared.errors import Dialect
from tollway.demo_provider.behaviour import behaviour_of
from tollway.demo_provider.dialect import ANTHROPIC, OPENAI
from tollway.demo_provider.text import answer_for
from tollway.demo_provider.usage import usage_of

END_MARKS = {"openai": b"data: [DONE]", "anthropic": b'data: {"type":"message_stop"}'}
HELLO = [{"role": "user", "content": "Hello"}]


def demo_stream(provider: Dialect, model: str, **fields: Any) -> bytes:
    """Return the demo provider's stream for a model."""
    needed: dict[str, Any] = (
        {"stream_options": {"include_usage": True}} if provider == "openai" else {"max_tokens": 4000}
    )
    body = {"model": model, "stream": True, "messages": HELLO, **needed, **fields}
    dialect = OPENAI if provider == "openai" else ANTHROPIC
    asked, behaviour = dialect.ask_in(msgspec.json.encode(body), ""), behaviour_of(model, "")
    answer = answer_for(asked, behaviour)
    plan = dialect.stream(asked, behaviour, answer, usage_of(asked, behaviour, answer), "x1")
    return plan.opening + plan.chunks.joined() + plan.closing


def openai_stream(*chunks: Any) -> bytes:
    """Return chunks as a stream; bytes stand for themselves, and a dict without choices for a delta."""
    return b"".join(_openai_event(chunk) for chunk in chunks)


def _openai_event(chunk: Any) -> bytes:
    if isinstance(chunk, bytes):
        return b"data: " + chunk + b"\n\n"
    whole = chunk if "choices" in chunk or "error" in chunk else {"id": "c1", "choices": [{"index": 0, "delta": chunk}]}
    return b"data: " + msgspec.json.encode(whole) + b"\n\n"


def anthropic_stream(*events: dict[str, Any]) -> bytes:
    """Return events as a stream."""
    return b"".join(
        b"event: " + event["type"].encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n" for event in events
    )


def reader_for(client: Dialect, provider: Dialect, *, with_usage: bool = True) -> StreamReader:
    """Return a reader for a request that asked for its usage or not."""
    ask = Ask("/", b"", stream=True, hide_usage=not with_usage)
    return translator(client, provider).reader(ask, "group", 7)


def read(reader: StreamReader, stream: bytes, *cuts: int, cost: float | None = None) -> bytes:
    """Feed a stream in pieces and return all that came out, with what it cost in dollars where that is given."""
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    out = b"".join([reader.feed(stream[a:b]) for a, b in pairwise(places)])
    reader.finish()
    return out + reader.last(cost)


def events_of(stream: bytes) -> list[Any]:
    """Return the data of a stream's events; `[DONE]` is left out."""
    data = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: ")]
    return [msgspec.json.decode(item) for item in data if item != b"[DONE]"]


def deltas_of(stream: bytes) -> list[Any]:
    """Return the deltas of OpenAI's chunks."""
    return [choice["delta"] for chunk in events_of(stream) for choice in chunk["choices"]]
