"""Usage as Anthropic reports it, whole and streamed."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from shared.pricing.usage import Usage
from shared.wire.reading import UNREADABLE, count, member, object_in, share

_CACHE_READ = "cache_read_input_tokens"
_CACHE_WRITE = "cache_creation_input_tokens"
_CACHE_WRITE_5M = "ephemeral_5m_input_tokens"
_CACHE_WRITE_1H = "ephemeral_1h_input_tokens"


def usage_of(usage: bytes | Raw | dict[str, Any] | UnsetType | None) -> Usage | None:
    """Return an Anthropic usage object as disjoint parts; None when it is missing or makes no sense.

    `input_tokens` excludes cached and cache-written tokens; `output_tokens` includes
    `output_tokens_details.thinking_tokens`. Its fast mode has prices of its own and is given as the tier `fast`.
    """
    fields = object_in(usage)
    input_tokens, output_tokens = count(fields, "input_tokens"), count(fields, "output_tokens")
    if input_tokens < 0 or output_tokens < 0:
        return None
    if fields.get("input_tokens") is None and fields.get("output_tokens") is None:
        return None
    written, written_1h = _cache_writes(fields)
    thinking = share(member(fields, "output_tokens_details"), output_tokens, "thinking_tokens")
    return Usage(
        input=input_tokens,
        cache_read=max(count(fields, _CACHE_READ), 0),
        cache_write_5m=written - written_1h,
        cache_write_1h=written_1h,
        output=output_tokens - thinking,
        reasoning=thinking,
        web_searches=max(count(member(fields, "server_tool_use"), "web_search_requests"), 0),
        service_tier=_tier(fields),
    )


def _cache_writes(fields: dict[str, Any]) -> tuple[int, int]:
    by_lifetime = member(fields, "cache_creation")
    long_lived = max(count(by_lifetime, _CACHE_WRITE_1H), 0)
    written = max(count(fields, _CACHE_WRITE), 0) or max(count(by_lifetime, _CACHE_WRITE_5M), 0) + long_lived
    return written, min(long_lived, written)


def _tier(fields: dict[str, Any]) -> str:
    if fields.get("speed") == "fast":
        return "fast"
    tier = fields.get("service_tier")
    return tier[:32] if isinstance(tier, str) and tier != "standard" else ""


def merged(started: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """Return the usage of `message_start` brought up to date by that of a `message_delta`.

    Figures are cumulative, so a smaller one (some servers repeat the input as 0) changes nothing;
    `output_tokens` alone starts as a guess and is replaced.
    """
    result = dict(started)
    for name, value in delta.items():
        if value is None:
            continue
        if name != "output_tokens" and isinstance(value, int) and value < max(count(started, name), 0):
            continue
        result[name] = value
    return result


class _Body(msgspec.Struct):
    usage: Raw | UnsetType = UNSET


class _Event(_Body):
    type: str = ""
    message: _Body | None = None


_body = msgspec.json.Decoder(_Body)
_event = msgspec.json.Decoder(_Event)


def whole_usage(body: bytes) -> Usage | None:
    """Return the usage that an answer's body reports, if it reports one."""
    try:
        return usage_of(_body.decode(body).usage)
    except UNREADABLE:
        return None


class AnthropicStreamUsage:
    """Gathers the usage in a stream's events: `message_start` has the input, `message_delta` the output so far."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self._fields: dict[str, Any] = {}

    def feed(self, data: bytes) -> None:
        """Take the data of one event; never raises."""
        if b'"usage"' not in data:
            return
        try:
            event = _event.decode(data)
        except UNREADABLE:
            return
        if event.type == "message_start" and event.message is not None:
            self.update(event.message.usage)
        elif event.type == "message_delta":
            self.update(event.usage)

    def update(self, usage: Raw | dict[str, Any] | UnsetType) -> None:
        """Take the usage object of one event."""
        self._fields = merged(self._fields, object_in(usage))
        self.usage = usage_of(self._fields)
