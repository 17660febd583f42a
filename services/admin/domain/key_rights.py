"""Who may see, make and change which key. Pure."""

from dataclasses import dataclass

from services.admin.domain.rights import Caller
from shared.store.keys import KeyRecord


@dataclass(frozen=True, slots=True)
class Home:
    """The groups that a key is in, as they are now."""

    team: str = ""
    organization: str = ""
    """The key's own organization, else its team's."""
    team_organization: str = ""
    """The organization that the team is in, whatever the key says."""


def administers(caller: Caller, home: Home) -> bool:
    """Tell whether a caller manages the groups of a key: the team's administrator, or the organization's."""
    return caller.administers_team(home.team, home.team_organization) or caller.administers_organization(
        home.organization
    )


def may_see(caller: Caller, record: KeyRecord, home: Home) -> bool:
    """Tell whether a caller may read about a key."""
    itself = bool(caller.key) and caller.key == record.id
    return caller.sees_all or itself or caller.is_user(record.user_id) or administers(caller, home)


def may_change(caller: Caller, record: KeyRecord, home: Home) -> bool:
    """Tell whether a caller may change a key: administrators of its groups, and its user."""
    return administers(caller, home) or (not caller.is_reader and caller.is_user(record.user_id))


def may_make(caller: Caller, record: KeyRecord, home: Home) -> bool:
    """Tell whether a caller may make such a key: for others in groups that it manages, for itself where it belongs.

    A key that names a team and an organization counts in both, so both must let it in.
    """
    if caller.is_admin:
        return True
    team, organization = record.team_id, record.organization_id
    own = not caller.is_reader and caller.is_user(record.user_id)
    into_team = caller.administers_team(team, home.team_organization) or (own and team in caller.teams)
    into_organization = caller.administers_organization(organization) or (own and organization in caller.organizations)
    if not team and not organization:
        return own
    return (not team or into_team) and (organization in ("", home.team_organization) or into_organization)
