"""Writing OpenAI's chat completion chunks."""

from typing import Any

import msgspec

from services.router.translate.usage_json import openai_usage, with_cost
from shared.pricing.usage import Usage

_encode = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"


class ChunkWriter:
    """Writes the chunks of one answer; what they share is encoded once."""

    def __init__(self, answer_id: str, model: str, created: int, *, with_usage: bool) -> None:
        shared = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + _encode(shared)[:-1] + b',"choices":['
        self._start = self._head + b'{"index":0,"delta":'
        self._close = b'],"usage":null}\n\n' if with_usage else b"]}\n\n"
        self._end = b',"logprobs":null,"finish_reason":null}' + self._close

    def text(self, field: bytes, text: str) -> bytes:
        """Return a chunk whose delta is one field of text."""
        return self._start + b'{"' + field + b'":' + _encode(text) + b"}" + self._end

    def delta(self, delta: dict[str, Any]) -> bytes:
        """Return a chunk with a delta."""
        return self._start + _encode(delta) + self._end

    def finish(self, reason: str) -> bytes:
        """Return the chunk that says why the answer ended."""
        return self._start + b'{},"logprobs":null,"finish_reason":' + _encode(reason) + b"}" + self._close

    def usage(self, usage: Usage | None, cost: float | None) -> bytes:
        """Return the last chunk, which has no choices; null stands for a usage that is not known.

        `cost` is dollars, and None where there is no price.
        """
        told = with_cost(openai_usage(usage), cost) if usage else None
        return self._head + b'],"usage":' + _encode(told) + b"}\n\n"
