"""LiteLLM's keys. Pure."""

import re
from typing import Any

import msgspec

from services.admin.domain.key_fields import KEY_FIELDS, read_new_key
from shared.schemas.scopes import Scope
from shared.security.keys import stored_hash
from tollway.litellm.found import Found, Known, Spent, Triple
from tollway.litellm.rows import LeftOut, anchored, author, body_of, moment, nano_of

SESSIONS = "litellm-dashboard"
"""The team of the keys that LiteLLM's own page makes for whoever logs in there."""

_DROPPED = frozenset({"auto_rotate", "key_rotation_at", "last_rotation_at", "rotation_interval"})
_DIGEST = re.compile(r"[0-9a-f]{64}")


class KeyTranslation:
    """Turns rows of `LiteLLM_VerificationToken` into keys; `restricting` are object permissions that restrict."""

    def __init__(self, secret: bytes, restricting: frozenset[str], now: float) -> None:
        self._secret = secret
        self._restricting = restricting
        self._now = now

    def __call__(self, triple: Triple, known: Known) -> Found:
        """Return a key; raise `LeftOut`, or `InvalidRequest` by the rules of `/key/generate`."""
        row = triple.row
        token = str(row["token"])
        if row.get("team_id") == SESSIONS:
            raise LeftOut("It is a session of LiteLLM's own page.")
        if not _DIGEST.fullmatch(token):
            raise LeftOut("It is not stored by its SHA-256.")
        check_permission(row, self._restricting)
        known.need("team", row.get("team_id"))
        known.need("organization", row.get("organization_id"))
        known.need("budget", row.get("budget_id"))
        known.not_left("user", row.get("user_id"))
        body = body_of(row, KEY_FIELDS, dropped=_DROPPED | {"token", "expires", "object_permission_id"})
        fields = body.fields
        if fields.get("allowed_routes"):
            fields.pop("key_type", None)
        created = moment(row.get("created_at"))
        reset_at = moment(row.get("budget_reset_at"))
        record = read_new_key(fields, self._now).record
        record = msgspec.structs.replace(
            record,
            hash=stored_hash(token, self._secret),
            key_name=str(row.get("key_name") or ""),
            created_at=created,
            created_by=author(row),
            expires=moment(row["expires"]) if row.get("expires") else None,
            limits=anchored(record.limits, reset_at, created),
            service_account=bool(record.metadata.get("service_account_id")),
        )
        until = reset_at or moment(triple.budget.get("budget_reset_at"))
        notes = tuple(name for name in body.notes if name not in ("token", "expires"))
        spent = Spent(Scope("key", record.id), nano_of(row), until)
        return Found("key", record.hash, name_of(row), record, spent, notes=notes)


def check_permission(row: dict[str, Any], restricting: frozenset[str]) -> None:
    """Raise `LeftOut` where an object permission restricts the models."""
    if row.get("object_permission_id") in restricting:
        raise LeftOut("'object_permission' restricts its models, and leaving it out would permit more.")


def name_of(row: dict[str, Any]) -> str:
    """Return a key by its alias, or else by the masked form; never by its hash alone."""
    alias, shown = row.get("key_alias"), row.get("key_name") or ""
    return str(alias or shown or f"{str(row['token'])[:8]}…")
