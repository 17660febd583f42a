import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pricing.usage import Usage
from shared.wire.anthropic import AnthropicStreamUsage, usage_of, whole_usage

FIELDS = [
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation", "server_tool_use", "output_tokens_details", "service_tier", "speed",
]  # fmt: skip
SCALAR = st.none() | st.booleans() | st.integers(-5, 10**10) | st.text(max_size=3) | st.floats(allow_nan=False)
INNER = st.dictionaries(
    st.sampled_from(
        ["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens", "web_search_requests", "thinking_tokens"]
    ),
    SCALAR,
)
USAGE = st.dictionaries(st.sampled_from(FIELDS), SCALAR | INNER)


def test_parts() -> None:
    """Cached input stands beside the input; cache writes are split by lifetime, thinking is taken out of output."""
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 18, "ephemeral_1h_input_tokens": 12},
        "output_tokens": 40,
        "output_tokens_details": {"thinking_tokens": 15},
        "server_tool_use": {"web_search_requests": 2},
        "service_tier": "priority",
    }
    assert usage_of(usage) == Usage(
        input=10, cache_read=20, cache_write_5m=18, cache_write_1h=12,
        output=25, reasoning=15, web_searches=2, service_tier="priority",
    )  # fmt: skip


def test_cache_writes_without_a_total() -> None:
    """The lifetimes alone are enough, and so is the total alone."""
    by_lifetime = {
        "input_tokens": 1,
        "cache_creation": {"ephemeral_1h_input_tokens": 4, "ephemeral_5m_input_tokens": 3},
    }
    assert usage_of(by_lifetime) == Usage(input=1, cache_write_5m=3, cache_write_1h=4)
    assert usage_of({"input_tokens": 1, "cache_creation_input_tokens": 9}) == Usage(input=1, cache_write_5m=9)


@pytest.mark.parametrize(
    "usage",
    [None, b"null", b"[1]", b"{}", b'{"input_tokens": -3}', b'{"input_tokens": {}}', b'{"output_tokens": 1e30}'],
)
def test_nonsense_is_no_usage(usage: bytes | None) -> None:
    """A usage that makes no sense is none, and never an exception."""
    assert usage_of(usage) is None


def _event(kind: str, usage: object) -> bytes:
    fields = {"message": {"usage": usage}} if kind == "message_start" else {"usage": usage}
    return msgspec.json.encode({"type": kind, **fields})


@given(st.lists(st.tuples(st.sampled_from(["message_start", "message_delta", "ping"]), USAGE | SCALAR), max_size=4))
def test_no_stream_breaks_the_reader(events: list[tuple[str, object]]) -> None:
    """Whatever stands in a stream's usage, no part of what is read is negative."""
    reader = AnthropicStreamUsage()
    for kind, usage in events:
        reader.feed(_event(kind, usage))
    if reader.usage is not None:
        assert min(value for value in msgspec.structs.astuple(reader.usage) if type(value) is int) >= 0


def test_streamed() -> None:
    """The start has the input, the deltas the output so far; a delta's zeros take nothing back."""
    reader = AnthropicStreamUsage()
    reader.feed(_event("message_start", {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 3}))
    assert reader.usage == Usage(input=10, cache_read=4, output=3)
    reader.feed(_event("message_delta", {"input_tokens": 0, "cache_read_input_tokens": None, "output_tokens": 2}))
    assert reader.usage == Usage(input=10, cache_read=4, output=2)
    reader.feed(
        _event("message_delta", {"input_tokens": 12, "output_tokens": 9, "server_tool_use": {"web_search_requests": 1}})
    )
    assert reader.usage == Usage(input=12, cache_read=4, output=9, web_searches=1)


def test_nonsense_in_a_delta_keeps_what_was_known() -> None:
    """A delta whose usage is no object changes nothing."""
    reader = AnthropicStreamUsage()
    reader.feed(_event("message_start", {"input_tokens": 10, "output_tokens": 3}))
    reader.feed(_event("message_delta", "usage"))
    reader.feed(b'"usage" \xff')
    assert reader.usage == Usage(input=10, output=3)


def test_whole_answers() -> None:
    """A body's usage is read; a body that is none has none."""
    assert whole_usage(b'{"usage": {"input_tokens": 3, "output_tokens": 2}}') == Usage(input=3, output=2)
    assert [whole_usage(body) for body in (b"", b"<html>", b"[]", b'{"usage": 3}')] == [None] * 4
