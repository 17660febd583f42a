"""Arguments for a tool call, made from the JSON Schema that the caller offers."""

from typing import Any

import msgspec

MAX_DEPTH = 5
PIECE = 5
"""Characters in a piece of streamed arguments: small enough to split names, values and escapes."""

_DEFAULT = {"location": "Zürich", "unit": "celsius"}
_SIMPLE: dict[str, Any] = {"string": "Zürich", "integer": 3, "number": 1.5, "boolean": True, "null": None}


def arguments_for(schema: dict[str, Any]) -> tuple[str, ...]:
    """Return JSON arguments that fit the schema's types and enumerations, in pieces."""
    value = _value(schema, 0) if schema.get("properties") else (_DEFAULT if not schema else {})
    text = msgspec.json.encode(value).decode()
    return tuple(text[start : start + PIECE] for start in range(0, len(text), PIECE))


def _value(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if isinstance(choices := schema.get("enum"), list) and choices:
        return choices[0]
    for union in ("anyOf", "oneOf", "allOf"):
        if isinstance(options := schema.get(union), list) and options:
            return _value(options[0], depth + 1)
    return _typed(schema, depth)


def _typed(schema: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        return {name: _value(part, depth + 1) for name, part in known.items()}
    if kind == "array":
        return [_value(schema.get("items", {"type": "string"}), depth + 1)]
    return _SIMPLE.get(str(kind), "Zürich")
