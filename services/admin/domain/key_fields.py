"""The body of `/key/generate`: LiteLLM's `GenerateKeyRequest` (`docs/compatibility.md`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.admin.domain.durations import end_of
from services.admin.domain.fields import FieldPolicy, Fields, says_nothing
from shared.security.keys import PREFIX

SHORTEST_KEY = 16
LONGEST_KEY = 256

KEY_FIELDS = FieldPolicy(
    known=frozenset(
        {
            "blocked",
            "duration",
            "key",
            "key_alias",
            "metadata",
            "models",
            "organization_id",
            "team_id",
            "user_id",
        }
    ),
    refused={
        "access_group_ids": None,
        "aliases": None,
        "allowed_cache_controls": None,
        "allowed_passthrough_routes": None,
        "allowed_routes": None,
        "allowed_vector_store_indexes": None,
        "auto_rotate": False,
        "budget_duration": None,
        "budget_id": None,
        "budget_limits": None,
        "denied_passthrough_routes": None,
        "end_user_budget_id": None,
        "enforced_params": None,
        "guardrails": None,
        "key_type": "default",
        "max_budget": None,
        "max_parallel_requests": None,
        "mcp_rpm_limit": None,
        "model_max_budget": None,
        "model_rpm_limit": None,
        "model_tpm_limit": None,
        "object_permission": None,
        "permissions": None,
        "policies": None,
        "project_id": None,
        "prompts": None,
        "rotation_interval": None,
        "rpm_limit": None,
        "spend": 0,
        "tag_rpm_limit": None,
        "throttle_on_budget_exceeded": False,
        "tpd_limit": None,
        "tpm_limit": None,
    },
    kept=frozenset(
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
            "soft_budget",
            "tags",
            "tpm_limit_type",
        }
    ),
)

_READ_FROM_METADATA = ("guardrails", "model_rpm_limit", "model_tpm_limit", "policies", "tag_rpm_limit")
"""LiteLLM enforces these where they stand in a key's metadata, too."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What was asked for; `expires` in Unix seconds."""

    key: str
    """The caller's choice of key; empty for one that the server makes."""
    alias: str
    duration: str
    expires: float | None
    models: tuple[str, ...]
    user: str
    team: str
    organization: str
    metadata: dict[str, Any]
    blocked: bool
    ignored: dict[str, Any]


def read_new_key(body: Mapping[str, Any], now: float) -> NewKey:
    """Return what a body asks for; raise `InvalidRequest` that names the field."""
    ignored = KEY_FIELDS.sort_out(body)
    fields = Fields(body)
    duration = fields.text("duration")
    return NewKey(
        key=_chosen_key(fields),
        alias=fields.text("key_alias"),
        duration=duration,
        expires=end_of(duration, now),
        models=fields.texts("models"),
        user=fields.text("user_id"),
        team=fields.text("team_id"),
        organization=fields.text("organization_id"),
        metadata=_metadata(fields),
        blocked=fields.flag("blocked"),
        ignored=ignored,
    )


def _chosen_key(fields: Fields) -> str:
    key = fields.text("key", longest=LONGEST_KEY)
    if key and not (key.startswith(PREFIX) and len(key) >= SHORTEST_KEY and _is_plain(key)):
        fields.wrong("key", f"must begin with '{PREFIX}', have {SHORTEST_KEY} characters or more, ASCII without blanks")
    return key


def _is_plain(key: str) -> bool:
    return key.isascii() and " " not in key


def _metadata(fields: Fields) -> dict[str, Any]:
    metadata = fields.mapping("metadata")
    for name in _READ_FROM_METADATA:
        if not says_nothing(metadata.get(name)):
            Fields(metadata, "metadata").wrong(
                name, "is not supported yet, and leaving it out would permit more than was asked for"
            )
    return metadata
