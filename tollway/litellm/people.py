"""LiteLLM's users, teams, organizations, their members, and end users. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.admin.domain.customer_fields import CUSTOMER, read_new_customer
from services.admin.domain.fields import Fields
from services.admin.domain.organization_fields import ORGANIZATION_FIELDS, read_new_organization
from services.admin.domain.team_fields import NEW_TEAM, read_new_team
from services.admin.domain.user_fields import NEW_USER, read_new_user
from shared.schemas.limits import Limits
from shared.schemas.scopes import Scope, member_id
from shared.store.people import GroupKind, MemberRole, MembershipRecord, membership_id
from tollway.litellm.found import Found, Known, Record, Spent, Triple
from tollway.litellm.keys import check_permission
from tollway.litellm.rows import Body, LeftOut, anchored, author, body_of, mapping, moment, nano_of

_ROLES = {"org_admin": "internal_user", "team": "internal_user_viewer", "customer": "internal_user_viewer"}
"""LiteLLM's roles that are none of the whole gateway; an organization's administrator is one by its membership."""

_ORGANIZATION_ROLES: Mapping[str, MemberRole] = {
    "org_admin": "admin",
    "internal_user": "user",
    "internal_user_viewer": "viewer",
}

_TEAM_DROPPED = frozenset(
    {"admins", "members", "members_with_roles", "model_id", "object_permission_id", "team_member_permissions"}
)
_USER_DROPPED = frozenset({"object_permission_id", "organization_id", "password", "team_id", "teams"})
_OF_ITSELF = {"members_with_roles", "model_id", "organization_id", "team_id", "teams"}
"""Columns that are carried over by other means."""

_FOR_MEMBERS = {
    "max_budget": "team_member_budget",
    "budget_duration": "team_member_budget_duration",
    "rpm_limit": "team_member_rpm_limit",
    "tpm_limit": "team_member_tpm_limit",
}


class PeopleTranslation:
    """Turns rows into records; `restricting` are object permissions that restrict, `now` is Unix seconds.

    Each method raises `LeftOut`, or `InvalidRequest` by the rules of the route that makes such an object.
    """

    def __init__(self, restricting: frozenset[str], now: float) -> None:
        self._restricting = restricting
        self._now = now

    def organization(self, triple: Triple, known: Known) -> Found:
        """Return an organization; LiteLLM gives each a budget."""
        row = self._checked(triple.row, known)
        body = body_of(row, ORGANIZATION_FIELDS, dropped=frozenset({"object_permission_id"}))
        created = moment(row.get("created_at"))
        record = read_new_organization(body.fields, id="", now=created, by=author(row))
        return _found("organization", record, triple, body, Scope("organization", record.id))

    def user(self, triple: Triple, known: Known) -> Found:
        """Return a user; passwords stay where they are."""
        row = self._checked(triple.row, known)
        known.not_left("organization", row.get("organization_id"))
        row = {**row, "user_role": _ROLES.get(str(row.get("user_role")), row.get("user_role"))}
        body = body_of(row, NEW_USER, dropped=_USER_DROPPED)
        created = moment(row.get("created_at"))
        record = read_new_user(body.fields, id="", now=created, by=author(row)).record
        record = msgspec.structs.replace(record, organization_id=str(row.get("organization_id") or ""))
        return _found("user", record, triple, body, Scope("user", record.id))

    def team(self, triple: Triple, known: Known) -> Found:
        """Return a team with its aliases, and with what each of its members may use."""
        row = self._checked(triple.row, known)
        known.need("organization", row.get("organization_id"))
        row = {**row, "model_aliases": triple.more, "metadata": _without(row, "team_member_budget_id")}
        row |= {name: triple.budget.get(column) for column, name in _FOR_MEMBERS.items()}
        body = body_of(row, NEW_TEAM, dropped=_TEAM_DROPPED)
        created = moment(row.get("created_at"))
        record = read_new_team(body.fields, id="", now=created, by=author(row)).record
        of_members = anchored(record.member_limits, moment(triple.budget.get("budget_reset_at")), created)
        record = msgspec.structs.replace(record, member_limits=of_members)
        without_budget = Triple(triple.row, {}, {})
        return _found("team", record, without_budget, body, Scope("team", record.id))

    def team_member(self, triple: Triple, known: Known) -> Found:
        """Return a place in a team, with the member's own budget and what was spent of it."""
        row, budget, membership = triple.row, triple.budget, triple.more
        team = _id(row, "team_id")
        known.need("team", team)
        known.need("budget", membership.get("budget_id"))
        if not row.get("user_id"):
            raise LeftOut("It names no user.")
        user = _id(row, "user_id")
        known.not_left("user", user)
        record = _membership("team", team, user, moment(row.get("created_at")), membership)
        record = msgspec.structs.replace(
            record,
            role="admin" if row.get("role") == "admin" else "user",
            models=Fields(budget).texts("allowed_models"),
        )
        spent = Spent(
            Scope("member", member_id(team, user)), nano_of(membership), moment(budget.get("budget_reset_at"))
        )
        return Found("member", record.id, f"{user} in the team {team}", record, spent)

    def organization_member(self, triple: Triple, known: Known) -> Found:
        """Return a place in an organization; nothing is counted for it, so a budget of its own cannot hold."""
        row = triple.row
        organization, user = _id(row, "organization_id"), _id(row, "user_id")
        known.need("organization", organization)
        known.not_left("user", user)
        if row.get("budget_id"):
            raise LeftOut("Its budget within the organization is not supported, and leaving it out would permit more.")
        role = _ORGANIZATION_ROLES.get(str(row.get("user_role") or "internal_user"))
        if role is None:
            raise LeftOut(f"'{row.get('user_role')}' is no role within an organization.")
        record = _membership("organization", organization, user, moment(row.get("created_at")), {})
        record = msgspec.structs.replace(record, role=role)
        return Found("member", record.id, f"{user} in the organization {organization}", record)

    def customer(self, triple: Triple, known: Known) -> Found:
        """Return an end user; LiteLLM does not say when it was made."""
        row = self._checked(triple.row, known)
        body = body_of(row, CUSTOMER, dropped=frozenset({"object_permission_id"}))
        record = read_new_customer(body.fields, 0.0, author(row))
        return _found("customer", record, triple, body, Scope("customer", record.id))

    def _checked(self, row: dict[str, Any], known: Known) -> dict[str, Any]:
        check_permission(row, self._restricting)
        known.need("budget", row.get("budget_id"))
        return row


def _found(kind: Any, record: Any, triple: Triple, body: Body, scope: Scope) -> Found:
    reset_at = moment(triple.row.get("budget_reset_at"))
    limits = anchored(record.limits, reset_at, record.created_at)
    placed: Record = msgspec.structs.replace(record, limits=limits)
    until = reset_at or moment(triple.budget.get("budget_reset_at"))
    notes = tuple(name for name in body.notes if name not in _OF_ITSELF)
    return Found(kind, record.id, record.id, placed, Spent(scope, nano_of(triple.row), until), notes=notes)


def _membership(
    kind: GroupKind, group: str, user: str, created: float, membership: Mapping[str, Any]
) -> MembershipRecord:
    budget = Fields(membership).text("budget_id")
    id = membership_id(kind, group, user)
    return MembershipRecord(id, kind, group, user, created, limits=Limits(), budget_id=budget)


def _id(row: Mapping[str, Any], name: str) -> str:
    return Fields(row).needed_text(name)


def _without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping(row.get("metadata")).items() if key != name}
