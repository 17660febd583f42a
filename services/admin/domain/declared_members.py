"""The members that the configuration file declares under organizations and teams, as the store has them. Pure."""

from collections.abc import Iterator

from services.admin.domain.member_fields import ORGANIZATION_ROLES, TEAM_ROLES
from shared.pricing.money import to_nano
from shared.schemas.limits import Limits
from shared.settings import Configuration
from shared.settings.declared import DeclaredTeamMember
from shared.store.people import GroupKind, MemberRole, MembershipRecord, membership_id


def declared_members(configuration: Configuration) -> Iterator[MembershipRecord]:
    """Return every declared membership; times are 0, since the file says none."""
    for organization in configuration.organizations:
        for member in organization.members:
            role = ORGANIZATION_ROLES[member.role]
            yield _membership("organization", organization.organization_id, member.user_id, role)
    for team in configuration.teams:
        for one in team.members:
            limits, models = _limits(one), one.allowed_models
            yield _membership("team", team.team_id, one.user_id, TEAM_ROLES[one.role], limits, models)


def _membership(
    kind: GroupKind,
    group: str,
    user: str,
    role: MemberRole,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    models: tuple[str, ...] = (),
) -> MembershipRecord:
    id = membership_id(kind, group, user)
    return MembershipRecord(id, kind, group, user, 0.0, role=role, limits=limits, models=models, declared=True)


def _limits(section: DeclaredTeamMember) -> Limits:
    """Return what a member may use within a team, money in nano-dollars."""
    return Limits(
        rpm=section.rpm_limit,
        tpm=section.tpm_limit,
        max_budget=None if section.max_budget_in_team is None else to_nano(section.max_budget_in_team),
        budget_duration=section.budget_duration or "",
    )
