"""A row of LiteLLM's database as the body that the management route for such an object takes. Pure.

So an imported object obeys the rules of one that is made over the API: the same fields are read, kept, or refused
where leaving them out would permit more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.admin.domain.durations import end_of
from services.admin.domain.fields import FieldPolicy, says_nothing
from shared.periods.duration import DAY, parse
from shared.pricing.money import to_nano
from shared.schemas.limits import Limits

AUTHOR = "litellm import"
"""Who made what was imported, where LiteLLM does not say."""

_SERVERS = frozenset(
    {
        "budget_reset_at",
        "created_at",
        "created_by",
        "key_name",
        "last_active",
        "last_breach_check_at",
        "model_spend",
        "rotation_count",
        "settings_updated_at",
        "soft_budget_cooldown",
        "spend",
        "total_spend",
        "updated_at",
        "updated_by",
    }
)
"""Columns that say what happened, not what somebody wanted."""

_LIFTED = frozenset(
    {
        "allowed_passthrough_routes",
        "allowed_vector_store_indexes",
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "denied_passthrough_routes",
        "disable_global_guardrails",
        "enable_prompt_caching",
        "end_user_budget_id",
        "enforced_batch_output_expires_after",
        "enforced_file_expires_after",
        "enforced_params",
        "guardrails",
        "mcp_rpm_limit",
        "model_rpm_limit",
        "model_tpm_limit",
        "policies",
        "prompts",
        "rpm_limit_type",
        "secret_manager_settings",
        "tag_rpm_limit",
        "tags",
        "team_member_key_duration",
        "temp_budget_expiry",
        "temp_budget_increase",
        "throttle_on_budget_exceeded",
        "tpm_limit_type",
    }
)
"""Fields that LiteLLM keeps in metadata: `LiteLLM_ManagementEndpoint_MetadataFields` and its premium ones."""

_RESTRICTING = frozenset({"model_itpm_limit", "model_otpm_limit"})
"""Such fields that no route here has, and that restrict."""

_OBJECTS = frozenset({"aliases", "config", "metadata", "model_max_budget", "permissions"})
"""Columns of JSON objects; some versions of LiteLLM stored them as texts of JSON."""

_SECRET = frozenset({"logging", "callback_settings"})
"""Metadata that holds credentials of logging services."""

Row = Mapping[str, Any]


class LeftOut(Exception):
    """An object is not brought; the message says why."""


@dataclass(slots=True)
class Body:
    """What a management route would be asked."""

    fields: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    """Fields that say something and are not carried over."""


def body_of(row: Row, policy: FieldPolicy, *, dropped: frozenset[str] = frozenset()) -> Body:
    """Return the body that a row stands for; `dropped` names columns without a meaning here, which are noted.

    Raises `LeftOut` for what would restrict something and cannot.
    """
    body = Body({})
    for name, value in row.items():
        if name in _SERVERS or says_nothing(value, False):
            continue
        if name in policy.names and name not in dropped:
            body.fields[name] = mapping(value) if name in _OBJECTS else value
        else:
            body.notes.append(name)
    if "metadata" in body.fields:
        _lift(body, policy)
    return body


def _lift(body: Body, policy: FieldPolicy) -> None:
    metadata: dict[str, Any] = {}
    for name, value in body.fields["metadata"].items():
        if says_nothing(value, False):
            continue
        if name in _RESTRICTING:
            raise LeftOut(f"'metadata.{name}' is not supported, and leaving it out would permit more.")
        if name in _SECRET:
            body.notes.append(f"metadata.{name}")
        elif name in _LIFTED and name in policy.names:
            body.fields.setdefault(name, value)
        else:
            metadata[name] = value
    body.fields["metadata"] = metadata


def moment(text: object) -> float:
    """Return a column's time, which is UTC, as Unix seconds; 0 for none."""
    if not isinstance(text, str):
        return 0.0
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def anchored(limits: Limits, reset_at: float, created_at: float) -> Limits:
    """Return limits whose budget's period goes on as it did: it began a period before it ends.

    Periods of days end at midnight here, so one that would end within a day ends with it.
    """
    if not limits.budget_duration:
        return limits
    since = created_at
    if reset_at:
        length = (end_of(limits.budget_duration, reset_at) or reset_at) - reset_at
        by_days = parse(limits.budget_duration).unit == "days"
        since = max(reset_at - length + (DAY - 1 if by_days else 0), 0.0)
    return msgspec.structs.replace(limits, budget_since=since)


def nano_of(row: Row) -> int:
    """Return what an object has spent, in nano-dollars."""
    spend = row.get("spend")
    return to_nano(spend) if isinstance(spend, int | float) and spend > 0 else 0


def author(row: Row) -> str:
    """Return who made an object."""
    by = row.get("created_by")
    return by if isinstance(by, str) and by else AUTHOR


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object of a column, also where it is stored as a text of JSON; empty for anything else."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return {}
    return value if isinstance(value, dict) else {}
