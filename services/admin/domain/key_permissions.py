"""What `permissions` of a key say in LiteLLM, and which of it Tollway does. Pure."""

from collections.abc import Mapping
from typing import Any

from services.admin.domain.fields import Fields, nearest
from shared.store.keys import KeyRecord
from shared.store.permissions import SEES_SPEND

_GRANTS = frozenset({SEES_SPEND, "allow_pii_controls"})
"""Permissions that let a key do more. In LiteLLM all others that are true ask for a check of requests."""


def read_permissions(fields: Fields, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a key's permissions, each true or false; `before` where the body says nothing of them.

    Raises `InvalidRequest` for one that would restrict the key.
    """
    given = fields.updated("permissions", fields.mapping, dict(before))
    inner = Fields(given, fields.path("permissions"))
    for name in given:
        if inner.flag(inner.checked_name(name)) and name not in _GRANTS and before.get(name) is not True:
            hint = nearest(name, _GRANTS)
            inner.wrong(name, f"is not supported, and leaving it out would permit more than was asked for{hint}")
    return given


def kept_fields(record: KeyRecord) -> tuple[str, ...]:
    """Return the fields of a key that are kept and mean nothing here."""
    meaningless = any(name != SEES_SPEND for name in record.permissions)
    return (*record.ignored, "permissions") if meaningless else tuple(record.ignored)
