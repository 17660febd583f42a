"""Our own count of tokens, for where a provider reported none."""

import base64
import json
import os
import subprocess
import sys
import time
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pricing.estimate import (
    AUDIO_TOKENS,
    EXPECTED_OUTPUT,
    FILE_TOKENS,
    MOST_EXPECTED,
    estimate_input,
    estimate_output,
    estimate_request,
    estimated_usage,
)
from shared.pricing.tokenizer import EXACT_CHARACTERS, count_tokens
from shared.pricing.usage import Usage

with warnings.catch_warnings():
    # Its Python side, which production code does not import, reads its data by a deprecated function.
    warnings.simplefilter("ignore", DeprecationWarning)
    import bpe_openai


def body(**fields: Any) -> bytes:
    """Return a request's body."""
    return json.dumps({"model": "m", **fields}).encode()


@settings(deadline=None)
@given(st.text(max_size=300))
def test_text_for_openai_counts_as_its_tokenizer_does(text: str) -> None:
    """The wrapper that we do not import in production agrees, on either vocabulary."""
    for model, encoding in (("gpt-4o", "o200k_base"), ("gpt-4-turbo", "cl100k_base")):
        assert count_tokens(text, model) == len(bpe_openai.get_encoding(encoding).encode_ordinary(text))


def test_a_plain_chat_counts_as_openai_bills_it() -> None:
    """OpenAI reported 9 prompt tokens for one `Hello!`, 19 with its usual system prompt, in its own examples."""
    hello = [{"role": "user", "content": "Hello!"}]
    system = [{"role": "system", "content": "You are a helpful assistant."}]
    assert estimate_input(body(messages=hello), "openai", "gpt-4o") == 9
    assert estimate_input(body(messages=system + hello), "openai", "gpt-4o") == 19


def test_a_rate_limit_is_charged_with_input_and_expected_output() -> None:
    """What is stated counts, within reason, for each of the answers; what is no request counts nothing."""
    hello = [{"role": "user", "content": "Hello!"}]
    for fields, output in (
        ({}, EXPECTED_OUTPUT),
        ({"max_tokens": 10, "n": 3}, 30),
        ({"max_completion_tokens": 100_000}, MOST_EXPECTED),
        ({"max_tokens": "many", "n": True}, EXPECTED_OUTPUT),
    ):
        assert estimate_request(body(messages=hello, **fields), "openai", "gpt-4o") == 9 + output
    assert estimate_request(b"no JSON", "openai", "gpt-4o") == 0
    assert estimate_request(b"[]", "openai", "gpt-4o") == 0


def test_media_count_as_flat_figures_whatever_their_size() -> None:
    """A megabyte of base64 counts as one image, one piece of audio, one file."""
    data = base64.b64encode(os.urandom(1_000_000)).decode()
    url = f"data:image/png;base64,{data}"

    def tokens(part: dict[str, Any], dialect: str) -> int:
        message = {"role": "user", "content": [{"type": "text", "text": "Hello!"}, part]}
        return estimate_input(body(messages=[message]), dialect, "gpt-4o") - 9

    assert tokens({"type": "image_url", "image_url": {"url": url}}, "openai") == 765
    assert tokens({"type": "image_url", "image_url": {"url": url, "detail": "low"}}, "openai") == 85
    source = {"type": "base64", "media_type": "image/png", "data": data}
    assert tokens({"type": "image", "source": source}, "anthropic") == 1600
    assert tokens({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}, "openai") == AUDIO_TOKENS
    assert tokens({"type": "file", "file": {"file_data": data}}, "openai") == FILE_TOKENS
    assert tokens({"type": "document", "source": source}, "anthropic") == FILE_TOKENS
    inner = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}
    assert tokens(inner, "anthropic") == 1600


def test_tools_calls_and_system_prompts_count() -> None:
    """What the model reads beside the messages is part of the estimate."""
    messages = [{"role": "user", "content": "Hello!"}]
    tools = [{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]
    plain = estimate_input(body(messages=messages), "anthropic", "claude-sonnet-4-5")
    assert estimate_input(body(messages=messages, system="Be brief."), "anthropic", "claude-sonnet-4-5") > plain
    assert estimate_input(body(messages=messages, tools=tools), "anthropic", "claude-sonnet-4-5") > plain + 10
    call = {"type": "tool_use", "id": "x", "name": "weather", "input": {"city": "Rio de Janeiro"}}
    called = [*messages, {"role": "assistant", "content": [call]}]
    assert estimate_input(body(messages=called), "anthropic", "claude-sonnet-4-5") > plain + 8


NAMES = st.sampled_from(["type", "text", "content", "role", "image_url", "input"])
LEAVES = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@settings(deadline=None)
@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)))
def test_any_body_gives_a_number(content: Any) -> None:
    """Whatever a caller sends, the estimate is no error and not negative."""
    assert estimate_input(body(messages=[{"role": "user", "content": content}]), "openai", "gpt-4o") >= 7
    assert estimate_input(body(messages=content), "anthropic", "x") >= 0
    assert estimate_input(json.dumps(content).encode(), "openai", "x") >= 0


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"\xff"'])
def test_what_is_no_request_counts_nothing(raw: bytes) -> None:
    """A body that no stage would have let through."""
    assert estimate_input(raw, "openai", "gpt-4o") == 0


def test_long_texts_are_extrapolated_within_a_bound_of_time() -> None:
    """A text of 4 MB takes no longer than one of 32 KiB, and even text is estimated within 2 %."""
    sentence = "The quick brown fox jumps over the lazy dog, and 17 of its friends watch. "
    text = sentence * (4_000_000 // len(sentence))
    count_tokens("warm", "gpt-4o")
    took = []
    for _ in range(3):
        started = time.process_time()
        estimate = estimate_output(text, "gpt-4o")
        took.append(time.process_time() - started)
    assert min(took) < 0.05
    per_character = count_tokens(text[:EXACT_CHARACTERS], "gpt-4o") / EXACT_CHARACTERS
    assert abs(estimate / (len(text) * per_character) - 1) < 0.02


def test_half_a_surrogate_is_counted_like_any_character() -> None:
    """JSON can carry what UTF-8 cannot."""
    assert count_tokens("a\ud800b", "gpt-4o") > 0


def test_the_helper_marks_the_usage() -> None:
    """An estimate is never taken for what a provider said."""
    assert estimated_usage(3, 4) == Usage(input=3, output=4, estimated=True)


def test_counting_leaves_the_wrappers_tables_alone() -> None:
    """The package's Python side, with 70 MB of dictionaries, is not imported."""
    code = (
        "import sys; from shared.pricing.tokenizer import count_tokens;"
        "print(count_tokens('Hello!', 'gpt-4o'), 'bpe_openai' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["2", "False"]


@given(st.text(min_size=250, max_size=2000), st.sampled_from(["gpt-4o", "gpt-4", "claude-haiku-4-5"]))
@settings(max_examples=50, deadline=None)
def test_a_remembered_count_is_the_counted_one(text: str, model: str) -> None:
    """Whichever model asked first: each encoding has counts of its own."""
    first = count_tokens(text, model)
    encoding = "cl100k_base" if model == "gpt-4" else "o200k_base"
    exact = len(bpe_openai.get_encoding(encoding).encode_ordinary(text))
    assert first == count_tokens(text, model) == (round(exact * 1.2) if "claude" in model else exact)
