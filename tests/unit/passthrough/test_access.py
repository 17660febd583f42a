"""Which models a request names."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.passthrough.domain.access import check_models, looks_like_json, model_of, models_named
from shared.errors import Forbidden, InvalidRequest
from shared.schemas.context import Principal

JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=4), st.text(max_size=8))
def test_the_model_is_found_wherever_it_stands(fields: dict[str, object], model: str) -> None:
    """The order and the kind of the other fields do not matter."""
    body = json.dumps(fields | {"model": model}).encode()
    assert model in models_named(body)
    assert model_of(body) == model


@given(st.binary(max_size=200))
def test_naming_never_fails_on_nonsense(body: bytes) -> None:
    """Bodies that are no JSON name no model, or are refused where the model matters."""
    model_of(body)
    try:
        models_named(body)
    except InvalidRequest:
        return


def test_batches_and_fallbacks_are_looked_into() -> None:
    """A batch names a model in each of its requests, some providers a list of them."""
    body = {"model": "a", "models": ["b", 1], "requests": [{"params": {"model": "c"}}, {}, 1]}
    assert models_named(json.dumps(body).encode()) == ("a", "b", "c")


@pytest.mark.parametrize("body", [b'{"model":"a","model":"b"}', b"[1]", b"{", '{"model":"a"}'.encode("utf-16")])
def test_two_readings_are_refused(body: bytes) -> None:
    """Duplicate names, other encodings and other documents are no requests of a limited key."""
    with pytest.raises(InvalidRequest):
        models_named(body)


@pytest.mark.parametrize(
    ("content_type", "beginning", "expected"),
    [
        ("application/json", b"", True),
        ("text/plain", b" \n{", True),
        ("", b"\xef\xbb\xbf{", True),
        ("", '{"a":1}'.encode("utf-16-le"), True),
        ("", '\ufeff{"a":1}'.encode("utf-16"), True),
        ("application/octet-stream", b"PK\x03\x04", False),
        ("video/mp4", b"\x00\x00\x00\x20ftyp", False),
    ],
)
def test_what_a_provider_may_take_for_json(content_type: str, beginning: bytes, expected: bool) -> None:
    """The content type is believed when it says JSON, and the bytes where it says something else."""
    assert looks_like_json(content_type, beginning) is expected


def test_a_limited_key_gets_its_models_only() -> None:
    """The first model that is not on the key's list is named in the refusal."""
    principal = Principal("key_holder", models=("a",))
    check_models(principal, ("a",))
    with pytest.raises(Forbidden, match="'b'"):
        check_models(principal, ("a", "b"))
