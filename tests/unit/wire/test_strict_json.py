"""JSON that has one reading alone."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import InvalidRequest
from shared.wire.strict_json import MAX_DEPTH, read_slowly, read_strictly

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
    assert read_strictly(body) == read_slowly(body) == document


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
    assert outcome(read_strictly, body) == outcome(read_slowly, body)


@given(TEXT, TEXT, st.sampled_from(["", " ", "\n", "\t \r\n"]))
def test_a_name_that_stands_twice_is_refused(name: str, other: str, space: str) -> None:
    """At any depth, however it is spaced."""
    key = json.dumps(name) + space
    body = f'{{"model":"m","x":[{{{key}:1,{json.dumps(other + "!")}:2,{key}:3}}]}}'.encode()
    with pytest.raises(InvalidRequest, match="twice"):
        read_strictly(body)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_is_bounded(opening: str) -> None:
    """Nesting past the bound is refused before any parser recurses."""
    body = ('{"model":"m","messages":' + opening * (MAX_DEPTH + 1)).encode()
    with pytest.raises(InvalidRequest, match="deep"):
        read_strictly(body)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_the_deepest_document_passes_and_a_deeper_one_does_not(opening: str, closing: str) -> None:
    """An object counts as a level, whatever it holds."""
    innermost = "{}"
    body = opening * (MAX_DEPTH - 1) + innermost + closing * (MAX_DEPTH - 1)
    assert read_strictly(body.encode()) == json.loads(body)
    with pytest.raises(InvalidRequest, match="levels deep"):
        read_strictly((opening + body + closing).encode())


@pytest.mark.timeout(30)
@pytest.mark.parametrize("end", ["", "\\"])
def test_a_string_that_never_ends_takes_no_long_time(end: str) -> None:
    """However many quotes it holds, each of which might begin a string: a body of 32 MiB would never be done."""
    body = ("[" + "{}," * MAX_DEPTH + '"' + '\\"' * 100_000 + end).encode()
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        read_strictly(body)
