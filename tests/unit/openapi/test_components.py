"""Schemas that stand once."""

from types import ModuleType

from shared.openapi.components import named_schemas, with_references
from shared.openapi.shapes import STRING, record

KEY = record({"token": STRING})
PAGE = record({"keys": {"type": "array", "items": KEY}})


def module() -> ModuleType:
    """Return a file of shapes."""
    made = ModuleType("shared.openapi.keys")
    made.__dict__.update({"_WHOLE_KEY": KEY, "_PAGE": PAGE, "small": KEY, "_NAMES": {"a": STRING}})
    return made


def test_constants_name_schemas() -> None:
    """A constant that does not say what it is about has its file's subject before it."""
    assert named_schemas([module()]) == {"WholeKey": KEY, "KeyPage": PAGE}


def test_a_named_schema_stands_once_and_is_referred_to() -> None:
    """Wherever it stands, also within another one, and only if it stands anywhere."""
    schemas = {"WholeKey": KEY, "KeyPage": PAGE, "Unused": record({"a": STRING})}
    written = with_references({"paths": {"/list": PAGE, "/one": KEY}}, schemas)
    assert written["paths"] == {
        "/list": {"$ref": "#/components/schemas/KeyPage"},
        "/one": {"$ref": "#/components/schemas/WholeKey"},
    }
    assert set(written["schemas"]) == {"KeyPage", "WholeKey"}
    assert written["schemas"]["KeyPage"]["properties"]["keys"]["items"] == {"$ref": "#/components/schemas/WholeKey"}
