"""What a route must declare before it is served."""

from dataclasses import dataclass
from typing import Literal, get_args

from shared.errors import Dialect
from shared.schemas.context import Role, ServiceName

ANYBODY: frozenset[Role] = frozenset(get_args(Role))

Persona = Literal[
    "proxy_admin",
    "proxy_admin_viewer",
    "organization_admin",
    "team_admin",
    "internal_user",
    "internal_user_viewer",
    "key_holder",
]
"""Who may manage. Administrators of an organization or a team are users whom a membership made that."""

_ROLES: dict[Persona, frozenset[Role]] = {
    "proxy_admin": frozenset({"proxy_admin"}),
    "proxy_admin_viewer": frozenset({"proxy_admin_viewer"}),
    "organization_admin": frozenset({"internal_user"}),
    "team_admin": frozenset({"internal_user"}),
    "internal_user": frozenset({"internal_user"}),
    "internal_user_viewer": frozenset({"internal_user_viewer"}),
    "key_holder": frozenset({"key_holder"}),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call a route and what applies to it."""

    roles: frozenset[Role]
    next: ServiceName
    """The stage that follows auth."""
    model: bool = False
    """True when the body names a model that the key must be allowed to use."""
    guardrails: bool = False
    billed: bool = False
    """True when each call ends as a completion event in the ledger."""
    everywhere: frozenset[Persona] = frozenset()
    """Of a management route: who may call it about any object."""
    own: frozenset[Persona] = frozenset()
    """Of a management route: who may call it about what is theirs, or is in a group that they administer."""


def managed(*, everywhere: frozenset[Persona], own: frozenset[Persona] = frozenset()) -> Policy:
    """Return the policy of a management route; admin's handler tells whose object it is."""
    roles = frozenset(role for persona in everywhere | own for role in _ROLES[persona])
    return Policy(roles, next="admin", everywhere=everywhere, own=own)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation under one or more paths."""

    name: str
    method: str
    paths: tuple[str, ...]
    policy: Policy
    dialect: Dialect = "openai"
    summary: str = ""
