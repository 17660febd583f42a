"""What auth reads of a body."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.facts import MAX_END_USER, NOTHING, Facts, read_facts, read_native_facts
from shared.errors import InvalidRequest


def chat(**fields: Any) -> bytes:
    """Return a chat request."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}], **fields}).encode()


def test_the_end_user_is_where_the_dialect_has_it() -> None:
    """OpenAI's `user`, Anthropic's `metadata.user_id`; what is no text is nobody."""
    body = chat(user="alice", metadata={"user_id": "bob"})
    assert read_facts(body, "openai").end_user == "alice"
    assert read_facts(body, "anthropic").end_user == "bob"
    for odd in (7, None, {"$gt": ""}, ["a"]):
        assert read_facts(chat(user=odd), "openai").end_user == ""
        assert read_facts(chat(metadata=odd), "anthropic").end_user == ""
    assert read_facts(chat(user="x" * 1000), "openai").end_user == "x" * MAX_END_USER


@pytest.mark.parametrize(
    ("enforced", "missing"),
    [
        ((), ""),
        (("user",), ""),
        (("user", "metadata.generation_name"), ""),
        (("metadata.trace.id",), ""),
        (("metadata.trace.id.x",), "metadata.trace.id.x"),
        (("metadata.other",), "metadata.other"),
        (("user.name",), "user.name"),
        (("temperature", "seed"), "temperature"),
    ],
)
def test_the_first_missing_field_is_named(enforced: tuple[str, ...], missing: str) -> None:
    """Names with dots are within objects, as LiteLLM has them."""
    body = chat(user="alice", metadata={"generation_name": "g", "trace": {"id": 1}})
    assert read_facts(body, "openai", enforced).missing == missing


@pytest.mark.parametrize(
    ("fields", "requested", "choices"),
    [
        ({}, None, 1),
        ({"max_tokens": 100}, 100, 1),
        ({"max_completion_tokens": 50, "max_tokens": 100, "n": 3}, 100, 3),
        ({"max_completion_tokens": 1, "max_tokens": 100}, 100, 1),
        ({"max_tokens": None, "n": None}, None, 1),
        ({"max_tokens": -1, "n": 0}, None, 1),
        ({"max_tokens": True, "n": True}, None, 1),
        ({"max_tokens": "100", "n": "3"}, None, 1),
        ({"max_tokens": 10**30, "n": 10**30}, 10_000_000, 128),
        ({"n": 129}, None, 128),
        ({"max_tokens": 10**15}, 10_000_000, 1),
    ],
)
def test_what_is_asked_for(fields: dict[str, Any], requested: int | None, choices: int) -> None:
    """Odd figures are the provider's to refuse; they make no hold of any size, nor a small one for a large request."""
    facts = read_facts(chat(**fields), "openai")
    assert (facts.requested, facts.choices) == (requested, choices)


def test_media_count_as_what_they_are() -> None:
    """A megabyte of an image is not a million tokens of text; without a count there is none."""
    image = "data:image/png;base64," + base64.b64encode(bytes(1_000_000)).decode()
    content = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": image}}]
    body = chat(messages=[{"role": "user", "content": content}])
    facts = read_facts(body, "openai", tokenized_as="gpt-4o")
    assert facts.input is not None
    assert 765 <= facts.input < 800
    assert read_facts(body, "openai").input is None


@given(st.binary(max_size=60))
def test_any_bytes_are_read(body: bytes) -> None:
    """What is no object is refused on routes of our own, and is nothing on native ones."""
    try:
        read_facts(body, "openai")
    except InvalidRequest:
        assert read_native_facts(body, "openai") == NOTHING


def test_a_native_body_names_its_model() -> None:
    """JSON is read; whatever else goes to a provider is none of our business."""
    assert read_native_facts(chat(user="alice"), "openai") == Facts(end_user="alice", model="m")
    counted = read_native_facts(chat(), "openai", tokenized_as="")
    assert counted.input is not None
    assert counted.input > 0
    assert read_native_facts(b"--boundary", "openai") == NOTHING
    broken = b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}'
    assert read_native_facts(broken, "openai", tokenized_as="") == NOTHING
    with pytest.raises(InvalidRequest):
        read_facts(broken, "openai", tokenized_as="m")
    assert read_native_facts(b'{"model": 7}', "openai") == Facts()


@pytest.mark.parametrize(
    "odd",
    [b'"seed": 1e400', b'"seed": ' + b"1" * 5000, b'"user": "\\ud800"'],
    ids=["large", "long", "surrogate"],
)
def test_what_a_lenient_provider_may_take_evades_no_count(odd: bytes) -> None:
    """One odd value beside the messages must not make a long prompt count as none."""
    body = chat(max_tokens=7)
    plain = read_native_facts(body, "openai", tokenized_as="")
    facts = read_native_facts(body.replace(b"{", b"{" + odd + b", ", 1), "openai", tokenized_as="")
    marked = read_native_facts(b"\xef\xbb\xbf" + body, "openai", tokenized_as="")
    assert (facts.input, facts.model, facts.requested) == (plain.input, "m", 7)
    assert marked == plain


def test_half_a_character_is_counted_and_can_be_written_down_again() -> None:
    """A provider that takes a lone surrogate is paid for it, in tools too; what is told to others has none."""
    body = (
        b'{"model": "m\\ud83d", "user": "u\\uD800", "tools": [{"a\\udc00": "\\\\ud800"}],'
        b' "messages": [{"role": "user", "content": "hi \\ud83d"}]}'
    )
    facts = read_native_facts(body, "openai", tokenized_as="")
    assert (facts.model, facts.end_user) == ("m?", "u?")
    assert (
        facts.input
        == read_native_facts(body.replace(b"\\ud83d", b"?").replace(b"\\udc00", b"?"), "openai", tokenized_as="").input
    )
    assert json.dumps(msgspec.to_builtins(facts), ensure_ascii=False).encode()
