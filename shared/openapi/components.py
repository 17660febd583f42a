"""Schemas that stand in many places are written once, under the name that their file gives them."""

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import msgspec

from shared.openapi.shapes import Schema

_canonical = msgspec.json.Encoder(order="sorted").encode


def named_schemas(modules: Iterable[ModuleType]) -> dict[str, Schema]:
    """Return the object schemas that stand as constants in the modules: `_WHOLE_KEY` in `keys` is `WholeKey`.

    A constant whose name does not say what it is about has its module's name before it: `_SHOWN` in `credentials` is
    `CredentialShown`.
    """
    found: dict[str, Schema] = {}
    for module in modules:
        subject = module.__name__.rpartition(".")[2].removesuffix("s").capitalize()
        for constant, value in vars(module).items():
            if constant.isupper() and _is_object(value) and value not in found.values():
                name = "".join(part.capitalize() for part in constant.split("_"))
                found[name if subject in name else subject + name] = value
    return found


def with_references(document: Mapping[str, Any], schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """Return the document with a reference wherever one of the schemas stands, and those that stand anywhere.

    The result has the keys of the document, and `schemas`.
    """
    names = {_canonical(schema): name for name, schema in schemas.items()}
    used: dict[str, Any] = {}

    def written(value: Any) -> Any:
        if isinstance(value, list):
            return [written(item) for item in value]
        if not isinstance(value, dict):
            return value
        name = names.get(_canonical(value)) if _is_object(value) else None
        if name is None:
            return {key: written(item) for key, item in value.items()}
        if name not in used:
            used[name] = None
            used[name] = {key: written(item) for key, item in value.items()}
        return {"$ref": f"#/components/schemas/{name}"}

    return {**written(dict(document)), "schemas": dict(sorted(used.items()))}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("properties"), dict) and "type" in value
