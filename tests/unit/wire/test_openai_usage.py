from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pricing.usage import Usage
from shared.wire.openai import OpenAIStreamUsage, usage_of, whole_usage

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
TOKENS = st.integers(0, 10**9)
DETAILS = st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "reasoning_tokens"]),
    TOKENS | JSON,
)
USAGE = st.dictionaries(
    st.sampled_from(["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"]),
    TOKENS | JSON,
).flatmap(
    lambda fields: st.fixed_dictionaries(
        {name: st.just(value) for name, value in fields.items()},
        optional={"prompt_tokens_details": DETAILS | JSON, "completion_tokens_details": DETAILS | JSON},
    )
)


def test_parts_are_disjoint() -> None:
    """Cached, written, audio and reasoning tokens are taken out of what includes them."""
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 10, "image_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 8, "accepted_prediction_tokens": 3},
    }
    assert usage_of(usage, "flex") == Usage(
        input=35, cache_read=30, cache_write_5m=20, input_audio=10, input_image=5,
        output=30, reasoning=12, output_audio=8, service_tier="flex",
    )  # fmt: skip


def test_names_of_the_responses_api() -> None:
    """`input_tokens` and `output_tokens` with their details mean the same."""
    usage = {
        "input_tokens": 10,
        "output_tokens": 7,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 5},
    }
    assert usage_of(usage, "default") == Usage(input=6, cache_read=4, output=2, reasoning=5)


def test_reasoning_beside_the_completion() -> None:
    """Where the total says that reasoning was not in the completion's tokens, it is added."""
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 115,
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    assert usage_of(usage) == Usage(input=10, output=5, reasoning=100)


@given(USAGE)
def test_parts_sum_to_the_whole(usage: dict[str, Any]) -> None:
    """Whatever the details claim, no part is negative and the parts sum to the reported tokens, or there is none."""
    read = usage_of(usage)
    if read is not None:
        parts = [value for value in msgspec.structs.astuple(read) if type(value) is int]
        assert min(parts) >= 0
        reported = [usage.get("prompt_tokens"), usage.get("input_tokens"), 0]
        assert read.prompt_tokens == next(tokens for tokens in reported if tokens is not None)


@pytest.mark.parametrize(
    "usage",
    [
        None, b"null", b"[]", b"{}", b"7", b'"x"', b"{", b'{"prompt_tokens": null}', b'{"prompt_tokens": -1}',
        b'{"prompt_tokens": "9"}', b'{"prompt_tokens": true}', b'{"prompt_tokens": 1e300}',
        b'{"prompt_tokens": 5, "completion_tokens": 99999999999999999999999}',
    ],
)  # fmt: skip
def test_nonsense_is_no_usage(usage: bytes | None) -> None:
    """A usage that makes no sense is none, and never an exception."""
    assert usage_of(usage) is None


def test_whole_answers() -> None:
    """A body's usage is read with its service tier, for chat and for the Responses API with its searches."""
    chat = b'{"usage": {"prompt_tokens": 3, "completion_tokens": 2}, "service_tier": "priority"}'
    response = b'{"output": [{"type": "web_search_call"}, {"type": "message"}], "usage": {"input_tokens": 3}}'
    assert whole_usage(chat) == Usage(input=3, output=2, service_tier="priority")
    assert whole_usage(response) == Usage(input=3, web_searches=1)
    assert [whole_usage(body) for body in (b"", b"\xff", b"[]", b'{"usage": 3}')] == [None] * 4


def test_streamed_chat() -> None:
    """The last chunk's usage counts; nulls before it and nonsense after it do not."""
    reader = OpenAIStreamUsage()
    for data in (
        b'{"choices": [{"delta": {"content": "usage"}}], "usage": null}',
        b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}, "service_tier": "default"}',
        b'"usage"{',
        b'{"usage": []}',
        b"[DONE]",
    ):
        reader.feed(data)
    assert reader.usage == Usage(input=3, output=2)


def test_streamed_response() -> None:
    """The Responses API reports its usage in its last event."""
    reader = OpenAIStreamUsage()
    reader.feed(b'{"type": "response.created", "response": {"usage": null}}')
    reader.feed(
        b'{"type": "response.completed", "response": {"service_tier": "flex", "output": [{"type": "web_search_call"}],'
        b'"usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 2}}}'
    )
    assert reader.usage == Usage(input=5, cache_read=4, output=2, web_searches=1, service_tier="flex")


@given(USAGE, st.sampled_from([None, "default", "flex"]))
def test_the_short_way_counts_what_the_long_way_counts(usage: dict[str, Any], tier: Any) -> None:
    """Most usages are read by a shorter way; the figures are the same."""
    by_the_long_way = usage_of(msgspec.json.encode(usage), tier)
    assert usage_of(usage, tier) == by_the_long_way
    assert usage_of(msgspec.Raw(msgspec.json.encode(usage)), tier) == by_the_long_way
