"""Reading figures out of JSON that others wrote, without ever failing on it."""

import json
from typing import Any

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that are not the JSON that was asked for."""

MAX_COUNT = 1_000_000_000
"""Tokens beyond which a figure is a fault: a thousand times the largest context there is."""


LONG_INTEGER = 1000
"""Digits of an integer that Python reads gladly; of longer ones nobody needs the value."""

_decode = msgspec.json.Decoder().decode


def object_of(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a body is; None for any other body.

    What a lenient provider may take and msgspec does not, numbers such as `1e400`, a byte order mark and half of a
    character (a lone surrogate, read as `?`), is read as Python reads it: nobody evades a count with that. Bodies above
    64 KiB belong on an `Offload`.
    """
    try:
        document = _decode(body)
    except UNREADABLE:
        try:
            document = _leniently(body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return None
    return document if isinstance(document, dict) else None


def _leniently(text: str) -> Any:
    document = json.loads(text, parse_int=_integer)
    if "\\ud" not in text.lower():
        return document
    # Nobody could write a lone surrogate down again: no other message, and no text for a tokenizer.
    return json.loads(json.dumps(document, ensure_ascii=False).encode(errors="replace"), parse_int=_integer)


def _integer(digits: str) -> int:
    return int(digits) if len(digits) < LONG_INTEGER else MAX_COUNT


def object_in(value: bytes | msgspec.Raw | dict[str, Any] | msgspec.UnsetType | None) -> dict[str, Any]:
    """Return a JSON object as a dict; anything else is an empty one."""
    if isinstance(value, dict):
        return value
    if value is None or value is msgspec.UNSET:
        return {}
    try:
        decoded = msgspec.json.decode(value)
    except UNREADABLE:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def member(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the first of these members that is an object, or an empty one."""
    for name in names:
        found = value.get(name)
        if isinstance(found, dict):
            return found
    return {}


def count(value: dict[str, Any], *names: str) -> int:
    """Return the first of these members that is a count, or 0; -1 when one is there and is no count."""
    for name in names:
        found = value.get(name)
        if found is None:
            continue
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if isinstance(found, bool) or not isinstance(found, int):
            return -1
        return found if 0 <= found <= MAX_COUNT else -1
    return 0


def share(value: dict[str, Any], whole: int, *names: str) -> int:
    """Return a count that is a part of `whole` and so never more than it; a bad one is 0."""
    return min(max(count(value, *names), 0), whole)
