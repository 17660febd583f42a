"""Usage as OpenAI reports it: chat completions, completions, embeddings, and the Responses API."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from shared.pricing.usage import Usage
from shared.wire.reading import MAX_COUNT, UNREADABLE, count, member, object_in, share

_Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]


class _Details(msgspec.Struct):
    cached_tokens: _Count = 0
    cache_write_tokens: _Count = 0
    reasoning_tokens: _Count = 0
    audio_tokens: _Count = 0
    image_tokens: _Count = 0


class _Plain(msgspec.Struct):
    """The usage of most answers: two figures, and details that are zero."""

    prompt_tokens: _Count
    completion_tokens: _Count
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: _Count = 0


_NO_DETAILS = _Details()
_plain = msgspec.json.Decoder(_Plain).decode

_STANDARD_TIERS = frozenset({"default", "auto", "standard"})


def usage_of(
    usage: bytes | Raw | dict[str, Any] | UnsetType | None, service_tier: object = None, web_searches: int = 0
) -> Usage | None:
    """Return an OpenAI usage object as disjoint parts; None when it is missing or makes no sense.

    `prompt_tokens` includes the cached, cache-written, audio and image tokens of its details,
    `completion_tokens` the reasoning, audio and image tokens. Details that claim more than their whole are cut.
    OpenAI's cache writes have no lifetime that prices know; they count as the shortest one.
    """
    if isinstance(usage, (Raw, dict)) and (simple := _simple(usage)) is not None:
        return Usage(
            input=simple.prompt_tokens,
            output=simple.completion_tokens,
            web_searches=web_searches,
            service_tier=_tier(service_tier),
        )
    fields = object_in(usage)
    prompt = count(fields, "prompt_tokens", "input_tokens")
    completion = count(fields, "completion_tokens", "output_tokens")
    known = ("prompt_tokens", "input_tokens", "completion_tokens", "output_tokens")
    if prompt < 0 or completion < 0 or all(fields.get(name) is None for name in known):
        return None
    inputs = member(fields, "prompt_tokens_details", "input_tokens_details")
    outputs = member(fields, "completion_tokens_details", "output_tokens_details")
    completion += _reasoning_beside(fields, outputs, prompt, completion)
    # DeepSeek names its cache hits beside the details.
    cached = share(inputs, prompt, "cached_tokens") or share(fields, prompt, "prompt_cache_hit_tokens")
    written = share(inputs, prompt - cached, "cache_write_tokens")
    audio_in = share(inputs, prompt - cached - written, "audio_tokens")
    image_in = share(inputs, prompt - cached - written - audio_in, "image_tokens")
    reasoning = share(outputs, completion, "reasoning_tokens")
    audio_out = share(outputs, completion - reasoning, "audio_tokens")
    image_out = share(outputs, completion - reasoning - audio_out, "image_tokens")
    return Usage(
        input=prompt - cached - written - audio_in - image_in,
        cache_read=cached,
        cache_write_5m=written,
        input_audio=audio_in,
        input_image=image_in,
        output=completion - reasoning - audio_out - image_out,
        reasoning=reasoning,
        output_audio=audio_out,
        output_image=image_out,
        web_searches=web_searches,
        service_tier=_tier(service_tier),
    )


def _simple(usage: Raw | dict[str, Any]) -> _Plain | None:
    """Return a usage without details, which is what most are; None for one that takes a closer look."""
    try:
        plain = msgspec.convert(usage, _Plain) if isinstance(usage, dict) else _plain(usage)
    except UNREADABLE:
        return None
    details = (plain.prompt_tokens_details, plain.completion_tokens_details)
    if plain.prompt_cache_hit_tokens or any(part is not None and part != _NO_DETAILS for part in details):
        return None
    return plain


def _reasoning_beside(fields: dict[str, Any], outputs: dict[str, Any], prompt: int, completion: int) -> int:
    # xAI counts reasoning beside `completion_tokens`; only the total tells.
    reasoning = count(outputs, "reasoning_tokens")
    beside = reasoning > 0 and count(fields, "total_tokens") == prompt + completion + reasoning
    return reasoning if beside else 0


def _tier(value: object) -> str:
    return value[:32] if isinstance(value, str) and value not in _STANDARD_TIERS else ""


class _Item(msgspec.Struct):
    type: str = ""


class _Answer(msgspec.Struct):
    usage: Raw | UnsetType = UNSET
    service_tier: Any = None
    output: Any = None


class _Event(_Answer):
    response: _Answer | None = None


_answer = msgspec.json.Decoder(_Answer)
_event = msgspec.json.Decoder(_Event)


def _usage_in(answer: _Answer) -> Usage | None:
    if answer.usage is UNSET:
        return None
    items = answer.output if isinstance(answer.output, list) else []
    searches = sum(1 for item in items if isinstance(item, dict) and item.get("type") == "web_search_call")
    return usage_of(answer.usage, answer.service_tier, searches)


def whole_usage(body: bytes) -> Usage | None:
    """Return the usage that an answer's body reports, if it reports one."""
    try:
        return _usage_in(_answer.decode(body))
    except UNREADABLE:
        return None


class OpenAIStreamUsage:
    """Finds the usage in a stream's events: of chat completions, or of the Responses API's last event."""

    def __init__(self) -> None:
        self.usage: Usage | None = None

    def feed(self, data: bytes) -> None:
        """Take the data of one event; never raises."""
        if b'"usage"' not in data:
            return
        try:
            event = _event.decode(data)
        except UNREADABLE:
            return
        self.usage = _usage_in(event.response or event) or self.usage
