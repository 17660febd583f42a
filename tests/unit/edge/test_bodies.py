"""Whether a body is a request at all."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.edge.domain import bodies
from services.edge.domain.bodies import MAX_DEPTH, BodyFacts, read_chat_body
from shared.errors import InvalidRequest

HELLO = [{"role": "user", "content": "Hello"}]
TEXT = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def outcome(parse: Any, body: bytes) -> Any:
    """Return what a parser makes of a body: a document or a refusal."""
    try:
        return parse(body)
    except InvalidRequest:
        return InvalidRequest


@given(st.dictionaries(TEXT, VALUES, max_size=5), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_the_short_way_reads_what_the_long_way_reads(document: Any, indent: Any, ascii: bool) -> None:
    """Whatever JSON comes, however it is spaced and escaped."""
    body = json.dumps(document, indent=indent, ensure_ascii=ascii).encode()
    assert bodies._parse(body) == bodies._parse_slowly(body) == document


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ \n\tau0-9eE.+NaI', max_size=60).map(str.encode))
@example(b'{"a":1,"a":2}')
@example(b'{"a" :1,"b":{"a":1,"a"\n:2}}')
@example(b'{"a":"\\":","a":1}')
@example(b'{"a":"\\\\":1}')
@example(b'{"a":"\\ud800"}')
@example(b'{"a":NaN}')
@example(b'{"a":1e999}')
def test_both_ways_refuse_the_same(body: bytes) -> None:
    """What one parser refuses the other does: duplicate names, lone surrogates, NaN, bytes that are no JSON."""
    assert outcome(bodies._parse, body) == outcome(bodies._parse_slowly, body)


@given(TEXT, TEXT, st.sampled_from(["", " ", "\n", "\t \r\n"]))
def test_a_name_that_stands_twice_is_refused(name: str, other: str, space: str) -> None:
    """At any depth, however it is spaced."""
    key = json.dumps(name) + space
    body = f'{{"model":"m","x":[{{{key}:1,{json.dumps(other + "!")}:2,{key}:3}}]}}'.encode()
    with pytest.raises(InvalidRequest, match="twice"):
        bodies._parse(body)


def test_facts_of_a_request() -> None:
    """Model and stream are what the stages need to know."""
    body = json.dumps({"model": "m", "messages": HELLO, "stream": True}).encode()
    assert read_chat_body(body, "openai") == BodyFacts("m", True)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_is_bounded(opening: str) -> None:
    """Nesting past the bound is refused before any parser recurses."""
    body = ('{"model":"m","messages":' + opening * (MAX_DEPTH + 1)).encode()
    with pytest.raises(InvalidRequest, match="deep"):
        read_chat_body(body, "openai")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], param: str) -> None:
    """The error names the field that is to blame."""
    body = json.dumps({"model": "m", "messages": HELLO} | change).encode()
    with pytest.raises(InvalidRequest) as refused:
        read_chat_body(body, "openai")
    assert refused.value.param == param


@pytest.mark.parametrize("tokens", [None, 0, -1, 1.5, True, "9"])
def test_anthropics_max_tokens_is_needed(tokens: Any) -> None:
    """As Anthropic demands it."""
    body = json.dumps({"model": "m", "messages": HELLO, "max_tokens": tokens}).encode()
    with pytest.raises(InvalidRequest) as refused:
        read_chat_body(body, "anthropic")
    assert refused.value.param == "max_tokens"


def test_a_models_name_has_a_bound() -> None:
    """It travels beside the body in every message, which may be no larger than the broker takes."""
    body = json.dumps({"model": "m" * 513, "messages": HELLO}).encode()
    with pytest.raises(InvalidRequest) as caught:
        read_chat_body(body, "openai")
    assert caught.value.param == "model"
