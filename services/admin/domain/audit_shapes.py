"""Audit entries as LiteLLM's clients read them, and the cursor that leads to older ones."""

import base64
import binascii
from typing import Any

import msgspec

from services.admin.domain.times import shown
from shared.errors import InvalidRequest
from shared.schemas.control import ChangeKind
from shared.schemas.scopes import SEPARATOR
from shared.store.audit import AuditEntry, Position

TABLES: dict[ChangeKind, str] = {
    "key": "LiteLLM_VerificationToken",
    "user": "LiteLLM_UserTable",
    "team": "LiteLLM_TeamTable",
    "organization": "LiteLLM_OrganizationTable",
    "customer": "LiteLLM_EndUserTable",
    "budget": "LiteLLM_BudgetTable",
    "model": "LiteLLM_ProxyModelTable",
    "credential": "LiteLLM_CredentialsTable",
}
"""LiteLLM's names of what changed; kinds without one keep their own."""

_KINDS: dict[str, str] = {table: kind for kind, table in TABLES.items()}


def audit_shape(entry: AuditEntry) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_AuditLogs`, with what Tollway knows beside it."""
    return {
        "id": entry.id,
        "updated_at": shown(entry.at),
        "changed_by": entry.actor_name,
        "changed_by_api_key": entry.actor,
        "action": entry.effect,
        "event": entry.action,
        "table_name": TABLES.get(entry.kind, entry.kind),  # type: ignore[call-overload]
        "kind": entry.kind,
        "object_id": "/".join(entry.object.split(SEPARATOR)),
        "before_value": entry.before,
        "updated_values": entry.after,
        "client": entry.client,
        "request_id": entry.request_id,
    }


def kind_of(table: str) -> str:
    """Return the kind of object that a table of LiteLLM's stands for; a kind stands for itself."""
    return _KINDS.get(table, table)


def objects_named(shown: str) -> tuple[str, ...]:
    """Return the ids that an entry shows as this text: itself, and those of memberships, whose parts slashes join.

    Ids of teams and users may hold slashes too, so that there is one for each place at which the user may begin.
    """
    kind, _, rest = shown.partition("/")
    if kind not in ("team", "organization"):
        return (shown,)
    slashes = [at for at, character in enumerate(rest) if character == "/"]
    return (shown, *(SEPARATOR.join((kind, rest[:at], rest[at + 1 :])) for at in slashes))


def cursor_of(entry: AuditEntry) -> str:
    """Return where the page after this entry begins, as one opaque word."""
    return base64.urlsafe_b64encode(msgspec.json.encode((entry.at, entry.id))).decode().rstrip("=")


def position_of(cursor: str) -> Position:
    """Return the place that a cursor names; raise `InvalidRequest`."""
    try:
        at, id = msgspec.json.decode(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True), type=tuple[float, str]
        )
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidRequest("'cursor' must be the 'next_cursor' of an answer.", param="cursor") from None
    return Position(at, id)
