"""The bodies of the `/key` routes: LiteLLM's `GenerateKeyRequest` and what follows it (`docs/compatibility.md`)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from services.admin.domain.durations import end_of
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.key_access_fields import read_addresses, read_routes, read_wait
from services.admin.domain.key_permissions import read_permissions
from services.admin.domain.limit_fields import LIMIT_FIELDS, read_limits
from services.admin.domain.metadata_fields import read_metadata
from shared.security.keys import PREFIX
from shared.store.keys import KeyRecord

SHORTEST_KEY = 16
LONGEST_KEY = 256

CHANGEABLE = LIMIT_FIELDS | {
    "aliases",
    "allowed_addresses",
    "allowed_routes",
    "blocked",
    "budget_id",
    "duration",
    "enforced_params",
    "guardrails",
    "key_alias",
    "metadata",
    "models",
    "organization_id",
    "permissions",
    "tags",
    "team_id",
    "user_id",
    "wait_for_room",
}
"""What makers and changers of a key may say about it; everything else in a record is the server's."""

_REFUSED: dict[str, Any] = {
    "access_group_ids": None,
    "allowed_cache_controls": None,
    "allowed_passthrough_routes": None,
    "allowed_vector_store_indexes": None,
    "auto_rotate": False,
    "budget_limits": None,
    "denied_passthrough_routes": None,
    "end_user_budget_id": None,
    "mcp_rpm_limit": None,
    "object_permission": None,
    "policies": None,
    "project_id": None,
    "prompts": None,
    "rotation_interval": None,
    "spend": 0,
    "tag_rpm_limit": None,
    "throttle_on_budget_exceeded": False,
    "tpd_limit": None,
}
_KEPT = frozenset(
    {
        "agent_id",
        "budget_fallbacks",
        "config",
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "disable_global_guardrails",
        "enable_prompt_caching",
        "router_settings",
        "rpm_limit_type",
        "send_invite_email",
        "tpm_limit_type",
    }
)

KEY_FIELDS = FieldPolicy(known=CHANGEABLE | {"key", "key_type"}, refused=_REFUSED, kept=_KEPT)
"""Of `/key/generate` and `/key/service-account/generate`."""

# A spend of 0 would begin a budget anew, which the ledger does not do; so it says something here.
UPDATE_FIELDS = replace(KEY_FIELDS, known=CHANGEABLE | {"key"}, refused={**_REFUSED, "spend": None})
"""Of `/key/update`; `key` names the key."""

REGENERATE_FIELDS = replace(
    KEY_FIELDS,
    known=CHANGEABLE | {"grace_period", "key", "key_type", "new_key"},
    refused={**_REFUSED, "new_master_key": None},
)
"""Of `/key/regenerate`; `key` names the old key."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What was asked for."""

    key: str
    """The caller's choice of key; empty for one that the server makes."""
    duration: str
    record: KeyRecord
    """The key's record, without what only the server knows."""


def read_new_key(body: Mapping[str, Any], now: float) -> NewKey:
    """Return what a body asks for; raise `InvalidRequest` that names the field."""
    ignored = KEY_FIELDS.sort_out(body)
    fields = Fields(body)
    record = _changed(fields, KeyRecord("", "", now, ignored=ignored), now)
    return NewKey(chosen_key(fields, "key"), fields.text("duration"), record)


def read_key_update(
    body: Mapping[str, Any], before: KeyRecord, now: float, policy: FieldPolicy = UPDATE_FIELDS
) -> KeyRecord:
    """Return a key's record as a body changes it: absent leaves a field as it was, null clears it."""
    ignored = policy.sort_out_update(body, before.ignored)
    return msgspec.structs.replace(_changed(Fields(body), before, now), ignored=ignored)


def chosen_key(fields: Fields, name: str) -> str:
    """Return a key of the caller's choice, or nothing; raise `InvalidRequest` for one that is too easily guessed."""
    key = fields.text(name, longest=LONGEST_KEY)
    if key and not (key.startswith(PREFIX) and len(key) >= SHORTEST_KEY and _is_plain(key)):
        fields.wrong(name, f"must begin with '{PREFIX}', have {SHORTEST_KEY} characters or more, ASCII without blanks")
    return key


def _is_plain(key: str) -> bool:
    return key.isascii() and " " not in key


def _changed(fields: Fields, before: KeyRecord, now: float) -> KeyRecord:
    expires = before.expires
    if fields.says("duration"):
        expires = end_of(fields.text("duration"), now)
    return msgspec.structs.replace(
        before,
        key_alias=fields.updated("key_alias", fields.text, before.key_alias),
        models=fields.updated("models", fields.texts, before.models),
        blocked=fields.updated("blocked", fields.flag, before.blocked),
        expires=expires,
        user_id=fields.updated("user_id", fields.text, before.user_id),
        team_id=fields.updated("team_id", fields.text, before.team_id),
        organization_id=fields.updated("organization_id", fields.text, before.organization_id),
        metadata=read_metadata(fields, before.metadata),
        limits=read_limits(fields, before.limits, now),
        budget_id=fields.updated("budget_id", fields.text, before.budget_id),
        aliases=fields.updated("aliases", fields.names, before.aliases),
        tags=fields.updated("tags", fields.texts, before.tags),
        permissions=read_permissions(fields, before.permissions),
        allowed_routes=read_routes(fields, before.allowed_routes),
        allowed_addresses=fields.updated(
            "allowed_addresses", lambda _: read_addresses(fields), before.allowed_addresses
        ),
        guardrails=fields.updated("guardrails", fields.texts, before.guardrails),
        enforced_params=fields.updated("enforced_params", fields.texts, before.enforced_params),
        wait_for_room=fields.updated("wait_for_room", lambda _: read_wait(fields), before.wait_for_room),
    )
