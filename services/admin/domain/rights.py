"""What a caller of a management route may see and change: its role, and the groups that it administers."""

from dataclasses import dataclass

from shared.errors import Forbidden
from shared.schemas.context import Principal, Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Who manages, as the store has it at this moment."""

    role: Role
    key: str = ""
    """The id of the key that it came with; empty for the master key and for JWTs."""
    user: str = ""
    team: str = ""
    """The team of its key."""
    organization: str = ""
    teams: frozenset[str] = frozenset()
    """Teams of which the user is a member, administrator or not."""
    administered_teams: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    administered_organizations: frozenset[str] = frozenset()
    routes: tuple[str, ...] = ()
    """The `allowed_routes` of its key; empty means all."""

    @property
    def is_admin(self) -> bool:
        """True for who may change everything."""
        return self.role == "proxy_admin"

    @property
    def sees_all(self) -> bool:
        """True for who may see everything."""
        return self.role in ("proxy_admin", "proxy_admin_viewer")

    @property
    def is_reader(self) -> bool:
        """True for who may change nothing."""
        return self.role in ("proxy_admin_viewer", "internal_user_viewer", "key_holder")

    def administers_organization(self, organization: str) -> bool:
        """Tell whether it may change an organization's teams, members and keys."""
        return self.is_admin or (
            bool(organization) and not self.is_reader and organization in self.administered_organizations
        )

    def administers_team(self, team: str, organization: str = "") -> bool:
        """Tell whether it may change a team's members and keys; `organization` is the one that the team is in."""
        own = bool(team) and not self.is_reader and team in self.administered_teams
        return self.is_admin or own or self.administers_organization(organization)

    def sees_team(self, team: str, organization: str = "") -> bool:
        """Tell whether it may read about a team."""
        return (
            self.sees_all
            or (bool(team) and (team in self.teams or team == self.team))
            or (bool(organization) and organization in self.administered_organizations)
        )

    def sees_organization(self, organization: str) -> bool:
        """Tell whether it may read about an organization."""
        return self.sees_all or (bool(organization) and organization in self.organizations)

    def is_user(self, user: str) -> bool:
        """Tell whether it is this user."""
        return bool(user) and user == self.user


MASTER = Caller("proxy_admin")


def caller_without_groups(principal: Principal) -> Caller:
    """Return a caller as its key says, before its memberships are known."""
    return Caller(principal.role, principal.key, principal.user, principal.team, principal.organization)


def require(allowed: bool, message: str, *, param: str = "") -> None:
    """Raise `Forbidden` unless it is allowed; the message tells nothing about what exists."""
    if not allowed:
        raise Forbidden(message, param=param or None)
