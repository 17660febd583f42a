"""What a route must declare before it is served."""

from dataclasses import dataclass

from shared.errors import Dialect
from shared.schemas.context import Role, ServiceName

ANYBODY: frozenset[Role] = frozenset({"proxy_admin", "proxy_admin_viewer", "key_holder"})
ADMINS: frozenset[Role] = frozenset({"proxy_admin"})
VIEWERS: frozenset[Role] = frozenset({"proxy_admin", "proxy_admin_viewer"})


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


@dataclass(frozen=True, slots=True)
class Route:
    """One operation under one or more paths."""

    name: str
    method: str
    paths: tuple[str, ...]
    policy: Policy
    dialect: Dialect = "openai"
    summary: str = ""
