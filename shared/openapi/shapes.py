"""The small words in which bodies are described: JSON Schema as plain data."""

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}


@dataclass(frozen=True, slots=True)
class Query:
    """One parameter of a query string."""

    name: str
    description: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Shape:
    """What a route takes and gives."""

    answer: Schema
    body: Schema | None = None
    query: tuple[Query, ...] = ()
    example: Any = None
    """A body that works against the demo model."""
    streams: bool = False
    """True when the answer is a stream of server-sent events where the body says `stream: true`."""
    as_text: tuple[str, ...] = ()
    """Other media types in which the answer may come, row by row."""


def record(required: dict[str, Schema], optional: dict[str, Schema] | None = None, *, more: bool = True) -> Schema:
    """Return an object's schema; `more` says that unknown fields are passed on rather than refused."""
    schema: Schema = {"type": "object", "properties": required | (optional or {}), "additionalProperties": more}
    if required:
        schema["required"] = list(required)
    return schema


def array(items: Schema) -> Schema:
    """Return a list's schema."""
    return {"type": "array", "items": items}


def said(schema: Schema, description: str) -> Schema:
    """Return a schema with a sentence about it."""
    return schema | {"description": description}


def one_of(*values: str) -> Schema:
    """Return the schema of a string that is one of a few."""
    return {"type": "string", "enum": list(values)}


def maybe(schema: Schema) -> Schema:
    """Return a schema that also takes null."""
    return {"anyOf": [schema, {"type": "null"}]}
