"""Memberships as LiteLLM's clients read them."""

from collections.abc import Mapping
from typing import Any

from services.admin.domain.limit_fields import budget_table_shape
from services.admin.domain.times import shown
from shared.pricing.money import to_dollars
from shared.schemas.limits import Limits
from shared.store.people import MemberRole, MembershipRecord, UserRecord

_ORGANIZATION_ROLES: Mapping[MemberRole, str] = {
    "admin": "org_admin",
    "user": "internal_user",
    "viewer": "internal_user_viewer",
}


def member_shape(member: MembershipRecord, user: UserRecord | None) -> dict[str, Any]:
    """Return LiteLLM's `Member`: an entry of a team's `members_with_roles`."""
    return {"user_id": member.user, "user_email": (user.email or None) if user else None, "role": member.role}


def team_membership_shape(member: MembershipRecord, spent: Mapping[str, Any]) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_TeamMembership`; `spent` in dollars, as `Spent.shape` has it."""
    return {
        "user_id": member.user,
        "team_id": member.group,
        "budget_id": member.budget_id or None,
        **spent,
        "litellm_budget_table": _budget(member),
        "declared": member.declared,
    }


def organization_membership_shape(member: MembershipRecord, user: UserRecord | None = None) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_OrganizationMembershipTable`; nothing is counted for a member of an organization."""
    return {
        "user_id": member.user,
        "user_email": (user.email or None) if user else None,
        "organization_id": member.group,
        "user_role": _ORGANIZATION_ROLES[member.role],
        "spend": 0.0,
        "budget_id": member.budget_id or None,
        "litellm_budget_table": _budget(member),
        "declared": member.declared,
        "created_at": shown(member.created_at),
        "updated_at": shown(member.updated_at or member.created_at),
    }


def deed_shape(member: MembershipRecord) -> dict[str, Any]:
    """Return a membership as the audit keeps it."""
    named = {f"{member.kind}_id": member.group, "user_id": member.user, "role": member.role}
    return named | {name: value for name, value in team_member_limits_shape(member).items() if value is not None}


def team_member_limits_shape(member: MembershipRecord) -> dict[str, Any]:
    """Return what a member may use within its team, under the names that `/team/member_update` takes."""
    limits = member.limits
    return {
        "max_budget_in_team": None if limits.max_budget is None else to_dollars(limits.max_budget),
        "budget_duration": limits.budget_duration or None,
        "rpm_limit": limits.rpm,
        "tpm_limit": limits.tpm,
        "allowed_models": list(member.models) or None,
        "temp_budget_increase": to_dollars(limits.extra_budget) if limits.extra_budget else None,
        "temp_budget_expiry": shown(limits.extra_until or None),
    }


def member_defaults_shape(limits: Limits) -> dict[str, Any]:
    """Return what each member of a team may use, under the team's names for it."""
    return {
        "team_member_budget": None if limits.max_budget is None else to_dollars(limits.max_budget),
        "team_member_budget_duration": limits.budget_duration or None,
        "team_member_rpm_limit": limits.rpm,
        "team_member_tpm_limit": limits.tpm,
    }


def _budget(member: MembershipRecord) -> dict[str, Any] | None:
    shape = budget_table_shape(member.limits, member.budget_id)
    if member.models:
        shape = {**(shape or {}), "allowed_models": list(member.models)}
    return shape
