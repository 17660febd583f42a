"""Organizations as LiteLLM's clients read them."""

from collections.abc import Sequence
from typing import Any

from services.admin.domain.limit_fields import limits_shape
from services.admin.domain.times import shown
from shared.store.people import OrganizationRecord


def organization_shape(
    organization: OrganizationRecord,
    members: Sequence[dict[str, Any]] = (),
    teams: Sequence[dict[str, Any]] = (),
    *,
    reset_at: float | None = None,
) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_OrganizationTableWithMembers`; every organization has a budget table there."""
    limits = limits_shape(organization.limits, reset_at)
    return {
        "organization_id": organization.id,
        "organization_alias": organization.alias or None,
        "budget_id": organization.budget_id,
        "models": list(organization.models),
        "metadata": organization.metadata,
        "litellm_budget_table": {"budget_id": organization.budget_id or None, **limits},
        "members": list(members),
        "teams": list(teams),
        "users": None,
        "declared": organization.declared,
        "created_at": shown(organization.created_at),
        "created_by": organization.created_by,
        "updated_at": shown(organization.updated_at or organization.created_at),
        "updated_by": organization.updated_by or organization.created_by,
        **organization.ignored,
    }
