"""The bodies of `/team/new` and `/team/update` (`docs/compatibility.md`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.key_access_fields import read_addresses
from services.admin.domain.limit_fields import LIMIT_FIELDS, read_limits
from services.admin.domain.member_fields import TEAM_ROLES, Person, read_limits_of_members, read_people
from services.admin.domain.metadata_fields import read_metadata
from shared.store.people import TeamRecord

MEMBER_DEFAULTS = frozenset(
    {"team_member_budget", "team_member_budget_duration", "team_member_rpm_limit", "team_member_tpm_limit"}
)

_OF_THE_TEAM = frozenset(
    {
        "allowed_addresses",
        "blocked",
        "budget_id",
        "guardrails",
        "metadata",
        "model_aliases",
        "models",
        "organization_id",
        "tags",
        "team_alias",
        "team_id",
    }
)
_REFUSED: dict[str, Any] = {
    "access_group_ids": None,
    "allowed_passthrough_routes": None,
    "allowed_vector_store_indexes": None,
    "budget_limits": None,
    "default_team_member_models": None,
    "denied_passthrough_routes": None,
    "enforced_batch_output_expires_after": None,
    "enforced_file_expires_after": None,
    "mcp_rpm_limit": None,
    "object_permission": None,
    "policies": None,
    "prompts": None,
    "team_member_key_duration": None,
    "team_member_permissions": None,
    "tpd_limit": None,
}
_KEPT = frozenset(
    {
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "disable_global_guardrails",
        "router_settings",
        "rpm_limit_type",
        "secret_manager_settings",
        "tpm_limit_type",
    }
)

NEW_TEAM = FieldPolicy(
    known=_OF_THE_TEAM | LIMIT_FIELDS | MEMBER_DEFAULTS | {"admins", "members", "members_with_roles"},
    refused=_REFUSED,
    kept=_KEPT,
)
TEAM_UPDATE = FieldPolicy(known=_OF_THE_TEAM | LIMIT_FIELDS | MEMBER_DEFAULTS, refused=_REFUSED, kept=_KEPT)


@dataclass(frozen=True, slots=True)
class NewTeam:
    """What was asked for."""

    record: TeamRecord
    members: tuple[Person, ...]


def read_new_team(body: Mapping[str, Any], *, id: str, now: float, by: str) -> NewTeam:
    """Return what a body asks for; `id` is for a team that is given none. Raises `InvalidRequest`."""
    ignored = NEW_TEAM.sort_out(body)
    fields = Fields(body)
    record = _changed(fields, TeamRecord(fields.text("team_id") or id, now, created_by=by), now)
    return NewTeam(msgspec.structs.replace(record, ignored=ignored), _members(fields))


def read_team_update(body: Mapping[str, Any], before: TeamRecord, *, now: float, by: str) -> TeamRecord:
    """Return a team as a body changes it. Raises `InvalidRequest`."""
    ignored = TEAM_UPDATE.sort_out_update(body, before.ignored)
    return msgspec.structs.replace(_changed(Fields(body), before, now), ignored=ignored, updated_at=now, updated_by=by)


def _changed(fields: Fields, before: TeamRecord, now: float) -> TeamRecord:
    return msgspec.structs.replace(
        before,
        alias=fields.updated("team_alias", fields.text, before.alias),
        organization_id=fields.updated("organization_id", fields.text, before.organization_id),
        models=fields.updated("models", fields.texts, before.models),
        model_aliases=fields.updated("model_aliases", fields.names, before.model_aliases),
        limits=read_limits(fields, before.limits, now),
        member_limits=read_limits_of_members(fields, before.member_limits, now),
        budget_id=fields.updated("budget_id", fields.text, before.budget_id),
        blocked=fields.updated("blocked", fields.flag, before.blocked),
        guardrails=fields.updated("guardrails", fields.texts, before.guardrails),
        allowed_addresses=fields.updated(
            "allowed_addresses", lambda name: read_addresses(fields, name), before.allowed_addresses
        ),
        tags=fields.updated("tags", fields.texts, before.tags),
        metadata=read_metadata(fields, before.metadata),
    )


def _members(fields: Fields) -> tuple[Person, ...]:
    """Return the first members: LiteLLM's `members_with_roles`, and the two older lists of ids."""
    people = read_people(fields, "members_with_roles", TEAM_ROLES) if "members_with_roles" in fields else ()
    known = {person.user for person in people}
    admins = [Person(user, "", "admin") for user in fields.texts("admins") if user not in known]
    known.update(person.user for person in admins)
    return (*people, *admins, *(Person(user, "", "user") for user in fields.texts("members") if user not in known))
