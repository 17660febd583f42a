"""What a new message schema may change, and what it may not."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.generate.compatibility import incompatibilities
from tollway.generate.messages import message_schema, message_schemas


def changed(old: type[msgspec.Struct], new: type[msgspec.Struct]) -> list[str]:
    """Compare two types as if they were two versions of the message M."""
    return incompatibilities({"M": message_schema(old)}, {"M": message_schema(new)})


def struct(*fields: Any) -> type[msgspec.Struct]:
    """Return a message type named M."""
    return msgspec.defstruct("M", fields)


NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
TYPES = st.sampled_from([int, str, bool, list[int], dict[str, str], tuple[str, ...], int | None, Literal["a", "b"]])
FIELDS = st.lists(st.tuples(NAMES, TYPES), min_size=1, max_size=6, unique_by=lambda field: field[0])


@given(FIELDS)
def test_a_message_is_compatible_with_itself(fields: list[tuple[str, Any]]) -> None:
    """No difference, no complaint."""
    assert changed(struct(*fields), struct(*fields)) == []


@given(FIELDS, TYPES)
def test_an_optional_field_may_be_added(fields: list[tuple[str, Any]], kind: Any) -> None:
    """A field with a default is all that a message may gain."""
    assert changed(struct(*fields), struct(*fields, ("added_field", kind, None))) == []


@given(FIELDS)
def test_a_required_field_may_not_be_added(fields: list[tuple[str, Any]]) -> None:
    """Workers of the version before would not send it."""
    expected = ["M.added_field is new and required; a new field must have a default."]
    assert changed(struct(*fields), struct(*fields, ("added_field", int))) == expected


@given(FIELDS, st.data())
def test_no_field_may_be_removed(fields: list[tuple[str, Any]], data: st.DataObject) -> None:
    """Whichever field goes is named."""
    gone = data.draw(st.sampled_from(fields))
    rest = [field for field in fields if field is not gone]
    assert changed(struct(*fields), struct(*rest)) == [f"M.{gone[0]} was removed; a field may only be left unused."]


@given(FIELDS, st.data())
def test_no_field_may_change_its_type(fields: list[tuple[str, Any]], data: st.DataObject) -> None:
    """Whichever type changes, the field is named."""
    name, kind = data.draw(st.sampled_from(fields))
    other = data.draw(TYPES.filter(lambda item: item != kind))
    after = [(field[0], other if field[0] == name else field[1]) for field in fields]
    sentences = changed(struct(*fields), struct(*after))
    assert sentences
    assert all(f"M.{name}" in sentence for sentence in sentences)


def test_a_field_may_not_become_required_or_optional() -> None:
    """Either way one side would miss what the other relies on."""
    assert changed(struct(("a", int, 0)), struct(("a", int))) == ["M.a was optional and is now required."]
    expected = ["M.a was required and is now optional; workers of the version before need it."]
    assert changed(struct(("a", int)), struct(("a", int, 0))) == expected


def test_an_enumeration_may_gain_a_value_and_lose_none() -> None:
    """A new value is sent only once every worker knows it; an old one may still be on its way."""
    short, long = struct(("a", Literal["x"])), struct(("a", Literal["x", "y"]))
    assert changed(short, long) == []
    assert changed(long, short) == ["M.a may no longer be 'y'."]


def test_bounds_may_not_change() -> None:
    """A value that was allowed would be refused, or the other way round."""
    bounded = struct(("a", Annotated[int, msgspec.Meta(ge=0)]))
    assert changed(struct(("a", int)), bounded) == ["M.a had minimum unset and now has 0."]


def test_what_a_message_refers_to_is_compared_too() -> None:
    """A change in a nested type is found under that type's name."""
    before = msgspec.defstruct("Part", [("a", int)])
    after = msgspec.defstruct("Part", [("a", str)])
    assert changed(struct(("part", before)), struct(("part", after))) == ["Part.a was integer and is now string."]


def test_a_type_that_refers_to_itself_is_compared_once() -> None:
    """A recursive message does not hang the comparison."""
    schemas = {
        "Tree": {
            "$ref": "#/$defs/Tree",
            "$defs": {
                "Tree": {
                    "type": "object",
                    "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
                }
            },
        }
    }
    assert incompatibilities(schemas, schemas) == []


@pytest.mark.parametrize("name", sorted(message_schemas()))
def test_no_message_may_vanish(name: str) -> None:
    """Removing a message is said for what it is."""
    schemas = message_schemas()
    rest = {other: schema for other, schema in schemas.items() if other != name}
    assert incompatibilities(schemas, rest) == [f"Message {name} was removed."]
