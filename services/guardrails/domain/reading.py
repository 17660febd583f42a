"""Reads JSON whose writer may be anybody: also numbers that no float holds, and halves of characters."""

import json
from typing import Any

import msgspec

from services.guardrails.domain.json_text import whole_characters
from shared.errors import ProviderError


class Unreadable(ProviderError):
    """An answer that cannot be read, so that it cannot be checked, and does not go out."""


def read_document(body: bytes) -> Any:
    """Return the document; raises `Unreadable`."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _read_leniently(body)


def read_object(data: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return an object with its values as they were written; raises `Unreadable`."""
    try:
        return _object(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise unreadable() from None


def read_objects(data: bytes | msgspec.Raw) -> list[dict[str, msgspec.Raw]]:
    """Return an array of objects, each with its values as they were written; raises `Unreadable`."""
    try:
        return _objects(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise unreadable() from None


def unreadable() -> Unreadable:
    """Return the error of an answer that cannot be checked."""
    return Unreadable("the provider's answer could not be read, so that it could not be checked")


_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_objects = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def _read_leniently(body: bytes) -> Any:
    try:
        document = json.loads(body.decode())
        return json.loads(whole_characters(json.dumps(document, ensure_ascii=False)))
    except (ValueError, RecursionError):
        raise unreadable() from None
