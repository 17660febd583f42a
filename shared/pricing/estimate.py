"""What an attempt used, by our own count, for where a provider or a cut stream reported nothing."""

from collections.abc import Iterator
from typing import Any

import msgspec

from shared.pricing.tokenizer import count_tokens
from shared.pricing.usage import Usage
from shared.wire.answer_size import choices, requested_output
from shared.wire.reading import object_of

MESSAGE_TOKENS = 4
"""What OpenAI adds to each message for its role and its borders."""

REPLY_TOKENS = 3
"""What OpenAI adds once for the beginning of the answer."""

IMAGE_TOKENS = {"low": 85, "other": 765, "anthropic": 1600}
"""One image: OpenAI's low detail, its 1024 x 1024 at high detail (85 + 4 * 170), Anthropic's largest."""

AUDIO_TOKENS = 1000
"""One piece of audio: 100 s at OpenAI's 10 tokens a second."""

FILE_TOKENS = 3000
"""One attached file: a page or two of a PDF."""

EXPECTED_OUTPUT = 256
"""Tokens that a rate limit is charged with for an answer of unstated length, until the real number is known."""

MOST_EXPECTED = 1024
"""The same where the caller states a length: agents state far more than they use."""

_IMAGES = {"image_url", "input_image", "image"}
_AUDIO = {"input_audio", "audio"}
_FILES = {"file", "input_file", "document"}
_PLAIN = {"role", "content"}
"""What most messages are: no more than a text."""

_OF_A_PROMPT = ("system", "instructions", "prompt", "input")


def estimate_input(body: bytes, dialect: str, model: str) -> int:
    """Return the input tokens of a request's body in a client's dialect; 0 for a body that is no JSON object.

    Bytes of images, audio and files count as flat figures, never as text. OpenAI's plain text is exact, tools
    count as compact JSON. It parses the body: run it by `Offload` when that is larger than 64 KiB.
    """
    request = object_of(body)
    return 0 if request is None else input_of(request, dialect, model)


def estimate_request(body: bytes, dialect: str, model: str) -> int:
    """Return the tokens, input and expected output, that a rate limit is charged with for a request's body.

    As in `estimate_input`, 0 for what is no JSON object, and large bodies belong on an `Offload`.
    """
    request = object_of(body)
    if request is None:
        return 0
    output = expected_output(requested_output(request.get), choices(request.get))
    return input_of(request, dialect, model) + output


def expected_output(requested: int | None, choices: int) -> int:
    """Return the output tokens that a rate limit is charged with until the real number is known."""
    return choices * (EXPECTED_OUTPUT if requested is None else min(requested, MOST_EXPECTED))


def estimate_output(text: str, model: str) -> int:
    """Return the tokens of what a model wrote."""
    return count_tokens(text, model)


def estimated_usage(input: int, output: int) -> Usage:
    """Return a usage that says that it is our own count."""
    return Usage(input=input, output=output, estimated=True)


def input_of(request: dict[str, Any], dialect: str, model: str) -> int:
    """Return the same as `estimate_input` for a body that was parsed already."""
    messages = request.get("messages")
    tokens = 0
    texts: list[str] = []
    if isinstance(messages, list):
        tokens += REPLY_TOKENS + MESSAGE_TOKENS * len(messages)
        for message in messages:
            tokens += _take(message, dialect, texts)
    for name in _OF_A_PROMPT:
        if (part := request.get(name)) is not None:
            tokens += _take(part, dialect, texts)
    for name in ("tools", "functions"):
        if tools := request.get(name):
            texts.append(msgspec.json.encode(tools).decode())
    return tokens + _count(texts, model)


def _count(texts: list[str], model: str) -> int:
    """Count short texts one by one, as a provider does, and a large number of them as one text."""
    if sum(map(len, texts)) > 32 * 1024:
        return count_tokens("\n".join(texts), model)
    return sum(count_tokens(text, model) for text in texts)


def _take(part: Any, dialect: str, texts: list[str]) -> int:
    """Collect the texts of a part of the prompt and return the tokens of its media."""
    if isinstance(part, dict) and part.keys() == _PLAIN and isinstance(part["content"], str):
        texts.append(part["content"])
        return 0
    tokens = 0
    waiting = [part]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            kind = item.get("type")
            media = _media(kind, item, dialect) if isinstance(kind, str) else 0
            tokens += media
            if not media:
                waiting.extend(_contents(item))
    return tokens


def _media(kind: str, item: dict[str, Any], dialect: str) -> int:
    if kind in _IMAGES:
        if dialect == "anthropic":
            return IMAGE_TOKENS["anthropic"]
        image = item.get("image_url")
        detail = image.get("detail") if isinstance(image, dict) else item.get("detail")
        return IMAGE_TOKENS["low" if detail == "low" else "other"]
    if kind in _AUDIO:
        return AUDIO_TOKENS
    if kind in _FILES:
        source = item.get("source")
        if isinstance(source, dict) and source.get("type") in {"text", "content"}:
            return 0
        return FILE_TOKENS
    return 0


_SILENT = {"role", "type", "id", "tool_call_id", "tool_use_id", "cache_control", "signature", "media_type", "call_id"}
"""Fields whose values are no part of what a model reads."""


def _contents(item: dict[str, Any]) -> Iterator[Any]:
    for name, value in item.items():
        if name in _SILENT:
            continue
        if name in {"input", "arguments"} and isinstance(value, dict):
            yield msgspec.json.encode(value).decode()
        else:
            yield value
