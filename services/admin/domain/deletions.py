"""The bodies of the routes that delete several objects at once. Pure."""

from collections.abc import Mapping
from typing import Any

from services.admin.domain.fields import FieldPolicy, Fields
from shared.errors import InvalidRequest


def read_deleted(body: Mapping[str, Any], field: str, noun: str, *, most: int) -> tuple[str, ...]:
    """Return the ids of a body's one field; raise `InvalidRequest` for none and for more than `most`."""
    FieldPolicy(frozenset({field}), {}, frozenset()).sort_out(body)
    ids = Fields(body).texts(field)
    if not ids:
        raise InvalidRequest(f"'{field}' must name at least one {noun}.", param=field)
    if len(ids) > most:
        raise InvalidRequest(f"At most {most} {noun}s can be deleted at once.", param=field)
    return ids
