"""Teams as LiteLLM's clients read them."""

from collections.abc import Sequence
from typing import Any

from services.admin.domain.limit_fields import budget_table_shape, limits_shape
from services.admin.domain.member_shapes import member_defaults_shape
from services.admin.domain.times import shown
from shared.store.people import TeamRecord

Member = dict[str, Any]


def team_shape(team: TeamRecord, members: Sequence[Member] = (), *, reset_at: float | None = None) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_TeamTable`; members as `member_shape` has them."""
    return {
        "team_id": team.id,
        "team_alias": team.alias or None,
        "organization_id": team.organization_id or None,
        "models": list(team.models),
        "model_aliases": team.model_aliases,
        "litellm_model_table": _model_table(team),
        "blocked": team.blocked,
        "guardrails": list(team.guardrails),
        "allowed_addresses": list(team.allowed_addresses),
        "tags": list(team.tags),
        "members_with_roles": list(members),
        "members": [member["user_id"] for member in members],
        "admins": [member["user_id"] for member in members if member["role"] == "admin"],
        **limits_shape(team.limits, reset_at),
        **member_defaults_shape(team.member_limits),
        "team_member_budget_table": budget_table_shape(team.member_limits),
        "budget_id": team.budget_id or None,
        "metadata": team.metadata,
        "declared": team.declared,
        "created_at": shown(team.created_at),
        "created_by": team.created_by or None,
        "updated_at": shown(team.updated_at or team.created_at),
        "updated_by": team.updated_by or team.created_by or None,
        **team.ignored,
    }


def _model_table(team: TeamRecord) -> dict[str, Any] | None:
    if not team.model_aliases:
        return None
    made_by = team.created_by or ""
    return {"model_aliases": team.model_aliases, "created_by": made_by, "updated_by": team.updated_by or made_by}
