"""The requests and answers of every measurement, made once, so that nobody pays for making them."""

import json

MODEL = "bench"
MARK = b"forty-two tolls were paid at the gate"
"""Stands in every complete answer; the load client looks for it."""

PROMPT_TOKENS = 240
COMPLETION_TOKENS = 20
INPUT_COST_PER_TOKEN = 1e-6
OUTPUT_COST_PER_TOKEN = 2e-6
COST_NANO = PROMPT_TOKENS * 1000 + COMPLETION_TOKENS * 2000
"""What one answer costs in nano-dollars, so that a key's spend counts its ledger entries."""

REQUEST_BYTES = 1024
STREAM_CHUNKS = 100
STREAM_INTERVAL = 0.02
"""Seconds from one chunk to the next."""

_SYSTEM = "You keep the gate of a toll road. Answer in one short and friendly sentence."
_FILLER = "The carriage in front of me has four wheels, two horses and a load of barley for the mill. "


def chat_body(*, stream: bool = False, size: int = REQUEST_BYTES, model: str = MODEL) -> bytes:
    """Return a chat request of exactly `size` bytes."""
    question = "How much is the toll? "
    body = _chat(question, stream, model)
    padding = size - len(body)
    if padding < 0:
        raise ValueError(f"a chat request takes at least {len(body)} bytes")
    text = (_FILLER * (padding // len(_FILLER) + 1))[:padding]
    return _chat(question + text, stream, model)


def _chat(question: str, stream: bool, model: str) -> bytes:
    document: dict[str, object] = {
        "model": model,
        "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}],
        "temperature": 0.2,
        "max_tokens": 64,
    }
    if stream:
        document["stream"] = True
    return json.dumps(document).encode()


def chat_answer() -> bytes:
    """Return a whole answer in OpenAI's shape, with usage."""
    message = {
        "role": "assistant",
        "content": f"Good day, {MARK.decode()}, and the bar is up.",
        "refusal": None,
    }
    return json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1700000000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": usage(COMPLETION_TOKENS),
        }
    ).encode()


def usage(completion: int) -> dict[str, int]:
    """Return OpenAI's usage object."""
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": completion,
        "total_tokens": PROMPT_TOKENS + completion,
    }


def stream_events(chunks: int, *, with_usage: bool) -> list[bytes]:
    """Return the server-sent events of a streamed answer: `chunks` with text, then its end."""
    events = [_event({"content": f" toll {number}"}, None) for number in range(chunks)]
    events.append(_event({}, "stop"))
    if with_usage:
        events.append(_sse({**_HEAD, "choices": [], "usage": usage(chunks)}))
    events.append(b"data: [DONE]\n\n")
    return events


_HEAD = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1700000000, "model": MODEL}


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    return _sse({**_HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _sse(document: dict[str, object]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"
