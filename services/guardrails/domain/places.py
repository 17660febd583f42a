"""Finds every place of a document where a model reads or writes, by a table of its shape."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]


class Kind(Enum):
    """What stands at a place."""

    TEXT = "text"
    NAME = "name"
    """An identifier that programs match on: it may block, but is never rewritten."""
    ARGUMENTS = "arguments"
    """A string that holds JSON text."""
    JSON = "json"
    """Any value; each string in it, names included, is a text."""
    REPEAT = "repeat"
    """Says what stands beside it again, in pieces; it goes when anything there is rewritten."""
    NOTHING = "nothing"
    """Not read by a model, or not text."""


Shape: TypeAlias = "Kind | Mapping[str, Shape]"
"""What stands in an object, by name; `OTHERS` is for the names that are not listed.

An array has the shape of each of its elements, and a string where an object could stand is text.
"""

OTHERS = "*"


_WHOLE = (Kind.JSON, Kind.REPEAT)
"""Places that are one place whatever stands there."""


class Place(NamedTuple):
    """A place in a document and what stands there."""

    path: Path
    kind: Kind
    value: Any


def places(value: Any, shape: Shape, path: Path = ()) -> Iterator[Place]:
    """Yield the places of a document, in its order."""
    if isinstance(value, list) and shape not in _WHOLE:
        for index, element in enumerate(value):
            yield from places(element, shape, (*path, index))
    elif isinstance(shape, Kind):
        if shape in _WHOLE or isinstance(value, str):
            yield Place(path, shape, value)
    elif isinstance(value, str):
        yield Place(path, Kind.TEXT, value)
    elif isinstance(value, dict):
        others = shape.get(OTHERS)
        encoded = value.get("type") == "base64"
        for name, inner in value.items():
            below = shape.get(name, others)
            if below is None or below is Kind.NOTHING or inner is None:
                continue
            if not (encoded and name == "data"):
                yield from places(inner, below, (*path, name))
