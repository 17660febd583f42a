"""What the administrators of a team may change of it: nothing that gives the team more than it has."""

from collections.abc import Mapping
from typing import Any

from services.admin.domain.grants import check_kept, check_limits, check_models, news
from shared.errors import Forbidden
from shared.schemas.limits import Limits
from shared.store.people import OrganizationRecord, TeamRecord

ABOVE_THE_TEAM = frozenset(
    {"allowed_addresses", "blocked", "budget_duration", "budget_id", "organization_id", "temp_budget_expiry"}
    | {"temp_budget_increase"}
)
"""Fields that only administrators of the organization and of the gateway change."""


def check_by_team_admin(
    body: Mapping[str, Any], before: TeamRecord, after: TeamRecord, had: Limits, has: Limits
) -> None:
    """Raise `Forbidden`, which names the field, where a change gives the team more than it had.

    `had` and `has` are the team's limits with those of its budget: a limit of its own would take the budget's place.
    """
    for field in sorted(ABOVE_THE_TEAM & body.keys()):
        raise Forbidden(f"An administrator of the team may not change '{field}'.", param=field)
    if before.models and not after.models:
        raise Forbidden("An empty list of models is every model, which the team does not have.", param="models")
    check_models(after.models, before.models, "team")
    check_limits(news(has, had), had, "team")
    check_limits(after.member_limits, has, "team")
    check_kept(has, had, "team")
    if set(before.guardrails) - set(after.guardrails):
        raise Forbidden("An administrator of the team may not take guardrails from it.", param="guardrails")


def check_within_organization(
    team: TeamRecord, limits: Limits, organization: OrganizationRecord, giver: Limits
) -> None:
    """Raise `Forbidden` where a team would have what its organization has not.

    `limits` are the team's and `giver` the organization's, those of the budgets that they refer to included.
    """
    check_models(team.models, organization.models, "organization")
    check_limits(limits, giver, "organization")
