"""JSON that has one reading alone.

Two readers of one body must never see different things, so what JSON leaves open is refused: duplicate names, lone
surrogates, NaN. Whatever bytes come, the time that this takes grows with their number and not faster.
"""

import json
import re
from typing import Any, NoReturn

import msgspec

from shared.errors import InvalidRequest

MAX_DEPTH = 128
"""Levels of arrays and objects; no real request comes near it, and every parser behind us recurses."""

_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string, or what opens and closes. One that never ends is taken to the end of the body: looking for that end from
each quote within it would take seconds, and the caller writes as many as it likes.
"""

_MEMBER = re.compile(rb'"\s*:')
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_strictly(body: bytes) -> Any:
    """Return the document; raise `InvalidRequest`, which says what is wrong, and where."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return read_slowly(body)
    # As many members as names: no name stands twice in its object. What looks like a member inside of a string
    # makes the count too high, never too low.
    if len(_MEMBER.findall(body)) == _names_in(document):
        return document
    return read_slowly(body)


def _names_in(document: Any) -> int:
    """Count the names of all objects in a document, level by level; raise `InvalidRequest` where it is too deep."""
    names, levels, level = 0, 0, [document]
    while level := [value for value in level if isinstance(value, (dict, list))]:
        levels += 1
        if levels > MAX_DEPTH:
            raise _nested()
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                names += len(value)
                below += value.values()
            else:
                below += value
        level = below
    return names


def read_slowly(body: bytes) -> Any:
    """Do the same for a document that is wrong, or looks as if: slower by three, it knows what is wrong, and where."""
    if not body.strip():
        raise InvalidRequest("The request body is empty; it must be a JSON object.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _too_deep(body):
        raise _nested()
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The request body is not UTF-8 (byte {error.start}).") from None
    try:
        document = _decode(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The request body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from None
    except RecursionError:
        raise InvalidRequest("The request body is nested too deeply.") from None
    except ValueError as error:
        # Python refuses to read integers of more than 4,300 digits.
        raise InvalidRequest("The request body holds a number that is too long.") from error
    if b"\\u" in body and "\\ud" in text.lower() and _LONE_SURROGATE.search(_all_text(document)):
        raise InvalidRequest("The request body holds a lone surrogate (half of a character).")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InvalidRequest(f"The name '{name[:64]}' stands twice in one object.", param=name[:64])
            seen.add(name)
    return result


def _no_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"{name} is not valid JSON.")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant).decode


def _too_deep(body: bytes) -> bool:
    depth = 0
    for match in _STRUCTURE.finditer(body):
        token = match[0]
        if token in (b"{", b"["):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token in (b"}", b"]"):
            depth -= 1
    return False


def _nested() -> InvalidRequest:
    return InvalidRequest(f"The request body is nested more than {MAX_DEPTH} levels deep.")


def _all_text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)
