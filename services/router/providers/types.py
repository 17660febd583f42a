"""What a provider's file says."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import Dialect

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Provider:
    """One vendor's API, or one kind of server."""

    name: str
    dialect: Dialect
    base_url: str
    """Where it is unless the deployment's `api_base` says otherwise; no slash at its end."""
    credential: Callable[[str], Headers]
    """The headers that carry an API key."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers that every request needs."""
    forwarded: frozenset[str] = frozenset()
    """Headers of the caller's that go on to it."""
    path_prefix: str = ""
    """What stands between `api_base` and the dialect's path."""
