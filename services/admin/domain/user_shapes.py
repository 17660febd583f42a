"""Users as LiteLLM's clients read them."""

from collections.abc import Sequence
from typing import Any

from services.admin.domain.limit_fields import limits_shape
from services.admin.domain.member_shapes import organization_membership_shape
from services.admin.domain.times import shown
from shared.store.people import MembershipRecord, UserRecord


def user_shape(
    user: UserRecord, memberships: Sequence[MembershipRecord] = (), *, reset_at: float | None = None
) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_UserTable`."""
    return {
        "user_id": user.id,
        "user_email": user.email or None,
        "user_alias": user.alias or None,
        "user_role": user.role,
        "sso_user_id": user.sso_id or None,
        "organization_id": user.organization_id or None,
        "models": list(user.models),
        "teams": [item.group for item in memberships if item.kind == "team"],
        "organization_memberships": [
            organization_membership_shape(item) for item in memberships if item.kind == "organization"
        ],
        **limits_shape(user.limits, reset_at),
        "budget_id": user.budget_id or None,
        "metadata": user.metadata,
        "declared": user.declared,
        "created_at": shown(user.created_at),
        "created_by": user.created_by or None,
        "updated_at": shown(user.updated_at or user.created_at),
        "updated_by": user.updated_by or user.created_by or None,
        **user.ignored,
    }
