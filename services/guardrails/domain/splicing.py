"""Changes single values of a JSON document and leaves every other byte as it was."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.guardrails.domain.places import Path

Edit = Callable[[str], str]
"""Turns a value as it was written into what is written instead."""

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],]|[^\s{}\[\],:"]++', re.DOTALL)


@dataclass(slots=True)
class _Container:
    """An object or array that is being passed through."""

    is_object: bool
    step: str | int
    wants_name: bool
    start: int


def splice(document: str, edits: Mapping[Path, Edit]) -> str:
    """Return the document with the values at some paths rewritten. It must be valid JSON."""
    parts: list[str] = []
    kept = 0
    for path, start, end in _values(document):
        edit = edits.get(path)
        if edit is not None and start >= kept:
            parts += document[kept:start], edit(document[start:end])
            kept = end
    parts.append(document[kept:])
    return "".join(parts)


def _values(document: str) -> list[tuple[Path, int, int]]:
    """Return path, start and end of every value, in the order of their starts."""
    found: list[tuple[Path, int, int]] = []
    stack: list[_Container] = []
    for token in _TOKEN.finditer(document):
        mark = token[0]
        top = stack[-1] if stack else None
        if mark in ("}", "]"):
            start = stack.pop().start
            found.append((_path(stack), start, token.end()))
        elif mark == ",":
            assert top is not None  # noqa: S101 - valid JSON has no comma at its top
            _next_element(top)
        elif top is not None and top.wants_name:
            top.step, top.wants_name = json.loads(mark), False
        elif mark in ("{", "["):
            is_object = mark == "{"
            stack.append(_Container(is_object, 0, is_object, token.start()))
        else:
            found.append((_path(stack), token.start(), token.end()))
    return sorted(found, key=lambda value: value[1])


def _next_element(container: _Container) -> None:
    if container.is_object:
        container.wants_name = True
    else:
        container.step = int(container.step) + 1


def _path(stack: list[_Container]) -> Path:
    return tuple(container.step for container in stack)
