"""The bodies of `/user/new` and `/user/update` (`docs/compatibility.md`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.limit_fields import LIMIT_FIELDS, read_limits
from services.admin.domain.member_fields import TEAM_ROLES, read_member_limits, read_role
from services.admin.domain.metadata_fields import read_metadata
from shared.schemas.context import Role
from shared.schemas.limits import Limits
from shared.store.people import MemberRole, UserRecord

ROLES: tuple[Role, ...] = tuple(role for role in get_args(Role) if role != "key_holder")

_OF_THE_USER = frozenset(
    {"budget_id", "metadata", "models", "sso_user_id", "user_alias", "user_email", "user_id", "user_role"}
)
_REFUSED: dict[str, Any] = {
    "allowed_cache_controls": None,
    "blocked": False,
    "budget_limits": None,
    "guardrails": None,
    "mcp_rpm_limit": None,
    "object_permission": None,
    "password": None,
    "permissions": None,
    "policies": None,
    "prompts": None,
    "spend": 0,
    "tag_rpm_limit": None,
    "tpd_limit": None,
}
_KEPT = frozenset({"agent_id", "budget_fallbacks", "config", "send_invite_email"})
_OF_THE_KEY = ("aliases", "duration", "key_alias", "team_id")

NEW_USER = FieldPolicy(
    known=_OF_THE_USER | LIMIT_FIELDS | {"auto_create_key", "organizations", "teams", *_OF_THE_KEY},
    refused=_REFUSED,
    kept=_KEPT,
)
USER_UPDATE = FieldPolicy(
    known=_OF_THE_USER | LIMIT_FIELDS,
    refused=_REFUSED | dict.fromkeys(_OF_THE_KEY),
    kept=_KEPT,
)

OWN_FIELDS = frozenset({"metadata", "user_alias", "user_id"})
"""What users may change of themselves."""

_TEAM = FieldPolicy(frozenset({"max_budget_in_team", "team_id", "user_role"}), {}, frozenset())


@dataclass(frozen=True, slots=True)
class Joining:
    """A team that a new user becomes a member of."""

    team: str
    role: MemberRole
    limits: Limits


@dataclass(frozen=True, slots=True)
class NewUser:
    """What was asked for."""

    record: UserRecord
    teams: tuple[Joining, ...]
    organizations: tuple[str, ...]
    key: Mapping[str, Any] | None
    """The body of the key that is made with the user, None for none."""


def read_new_user(body: Mapping[str, Any], *, id: str, now: float, by: str) -> NewUser:
    """Return what a body asks for; `id` is for a user who is given none. Raises `InvalidRequest`."""
    ignored = NEW_USER.sort_out(body)
    fields = Fields(body)
    organizations = fields.texts("organizations")
    home = organizations[0] if organizations else ""
    record = _changed(fields, UserRecord(fields.text("user_id") or id, now, organization_id=home, created_by=by), now)
    return NewUser(
        record=msgspec.structs.replace(record, ignored=ignored),
        teams=_teams(fields, now),
        organizations=organizations,
        key=_key_body(body) if fields.flag("auto_create_key", default=True) else None,
    )


def read_user_update(body: Mapping[str, Any], before: UserRecord, *, now: float, by: str) -> UserRecord:
    """Return a user as a body changes it. Raises `InvalidRequest`."""
    ignored = USER_UPDATE.sort_out_update(body, before.ignored)
    return msgspec.structs.replace(_changed(Fields(body), before, now), ignored=ignored, updated_at=now, updated_by=by)


def _changed(fields: Fields, before: UserRecord, now: float) -> UserRecord:
    return msgspec.structs.replace(
        before,
        email=fields.updated("user_email", fields.text, before.email),
        alias=fields.updated("user_alias", fields.text, before.alias),
        role=_role(fields, before.role),
        models=fields.updated("models", fields.texts, before.models),
        limits=read_limits(fields, before.limits, now),
        budget_id=fields.updated("budget_id", fields.text, before.budget_id),
        sso_id=fields.updated("sso_user_id", fields.text, before.sso_id),
        metadata=read_metadata(fields, before.metadata),
    )


def _role(fields: Fields, before: Role) -> Role:
    given = fields.text("user_role")
    for role in ROLES:
        if given == role:
            return role
    if given:
        fields.wrong("user_role", f"must be one of {', '.join(ROLES)}")
    return before


def _key_body(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _OF_THE_KEY if body.get(name) is not None}


def _teams(fields: Fields, now: float) -> tuple[Joining, ...]:
    """Return the teams to join: ids, or objects with a role and a budget within the team."""
    given = fields["teams"]
    if given is not None and not isinstance(given, list):
        fields.wrong("teams", "must be a list of team ids, or of objects with 'team_id'")
    found = {
        joining.team: joining for index, item in enumerate(given or []) for joining in [_team(fields, index, item, now)]
    }
    team = fields.text("team_id")
    if team and team not in found:
        found[team] = Joining(team, "user", Limits())
    return tuple(found.values())


def _team(fields: Fields, index: int, item: Any, now: float) -> Joining:
    place = f"teams[{index}]"
    if isinstance(item, dict):
        _TEAM.sort_out(item, place)
        inner = Fields(item, place)
        role = read_role(Fields({"role": item.get("user_role")}, place), TEAM_ROLES, "user")
        limits = read_member_limits(inner, Limits(), now, "max_budget_in_team")
        return Joining(inner.needed_text("team_id"), role, limits)
    return Joining(Fields({place: item}).needed_text(place), "user", Limits())
