"""Users, teams, organizations, their members, and customers, as they are stored; times are Unix seconds."""

from collections.abc import Callable, Coroutine
from typing import Any, Literal

import msgspec

from shared.schemas.context import Role
from shared.schemas.limits import Limits
from shared.schemas.scopes import SEPARATOR
from shared.store.connection import Store
from shared.store.objects import AS_TEXT, Objects

GroupKind = Literal["team", "organization"]
MemberRole = Literal["admin", "user", "viewer"]
"""`admin` manages the group; `viewer` is an organization's `internal_user_viewer`."""


class _Managed(msgspec.Struct, frozen=True, kw_only=True):
    """What every record has that operators make."""

    limits: Limits = Limits()
    budget_id: str = ""
    metadata: dict[str, Any] = {}
    ignored: dict[str, Any] = {}
    declared: bool = False
    """True where the configuration file says it; the API changes nothing of it."""
    created_by: str = ""
    updated_at: float = 0.0
    updated_by: str = ""


class UserRecord(_Managed, frozen=True):
    """An internal user: somebody who has keys."""

    id: str
    created_at: float
    email: str = ""
    alias: str = ""
    role: Role = "internal_user"
    models: tuple[str, ...] = ()
    sso_id: str = ""
    """The subject of the OIDC provider's tokens."""
    organization_id: str = ""
    """The organization that the user was made in; its administrators may delete the user."""


class TeamRecord(_Managed, frozen=True):
    """A team: keys and members that share models, limits and a budget."""

    id: str
    created_at: float
    alias: str = ""
    organization_id: str = ""
    models: tuple[str, ...] = ()
    model_aliases: dict[str, str] = {}
    """What the team's callers may say for a model group."""
    member_limits: Limits = Limits()
    """What each member may use within the team, unless the membership says otherwise."""
    blocked: bool = False
    guardrails: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    """Networks from which its keys work; empty means all."""
    tags: tuple[str, ...] = ()


class OrganizationRecord(_Managed, frozen=True):
    """An organization: teams under one roof."""

    id: str
    created_at: float
    alias: str = ""
    models: tuple[str, ...] = ()


class MembershipRecord(msgspec.Struct, frozen=True):
    """A user within a team or an organization; `id` is by `membership_id`."""

    id: str
    kind: GroupKind
    group: str
    user: str
    created_at: float
    role: MemberRole = "user"
    limits: Limits = Limits()
    budget_id: str = ""
    models: tuple[str, ...] = ()
    """What the member may use of the team's models; empty means all of them."""
    declared: bool = False
    """True where the configuration file says it; the API changes nothing of it."""
    updated_at: float = 0.0


class CustomerRecord(_Managed, frozen=True):
    """An end user: whoever a request's `user` field names."""

    id: str
    created_at: float
    alias: str = ""
    blocked: bool = False
    default_model: str = ""
    models: tuple[str, ...] = ()


def membership_id(kind: GroupKind, group: str, user: str) -> str:
    """Return the id of a user's place in a group."""
    return SEPARATOR.join((kind, group, user))


def users(store: Store) -> Objects[UserRecord]:
    """Return the collection of users."""
    return Objects(store, "users", UserRecord, "user")


def users_by_sso(store: Store) -> Callable[[str], Coroutine[None, None, UserRecord | None]]:
    """Return what finds the user whose `sso_id` something is."""
    collection = users(store)

    async def find(sso_id: str) -> UserRecord | None:
        return next(iter(await collection.where({"sso_id": sso_id}, limit=1)), None)

    return find


def teams(store: Store) -> Objects[TeamRecord]:
    """Return the collection of teams."""
    return Objects(store, "teams", TeamRecord, "team", as_text=(*AS_TEXT, "member_limits", "model_aliases"))


def organizations(store: Store) -> Objects[OrganizationRecord]:
    """Return the collection of organizations."""
    return Objects(store, "organizations", OrganizationRecord, "organization")


def memberships(store: Store) -> Objects[MembershipRecord]:
    """Return the collection of memberships."""
    return Objects(store, "memberships", MembershipRecord, "member")


def customers(store: Store) -> Objects[CustomerRecord]:
    """Return the collection of customers."""
    return Objects(store, "customers", CustomerRecord, "customer", param="user_id")
