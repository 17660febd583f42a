"""How much room the tables have, and for whom: no tenant's made-up end users keep others out."""

from collections.abc import Iterable

from services.auth.domain.limiter.state import State

CROWDED = 0.75
"""Share of the room for scopes from which on it is crowded: budgets are forgotten sooner, and tenants are held to
their share."""

SHARE = 0.1
"""Share of the room for scopes that the requests of one tenant may bring in once it is crowded."""


class Capacity:
    """Bounds of the tables."""

    def __init__(self, state: State, most_scopes: int, most_holds: int) -> None:
        self._state = state
        self._most_scopes = most_scopes
        self._most_holds = most_holds
        self._crowd = most_scopes * CROWDED
        self._share = most_scopes * SHARE

    @property
    def crowded(self) -> bool:
        """True where room for scopes has become scarce."""
        return len(self._state.scopes) >= self._crowd

    def admits(self, scopes: Iterable[str], tenant: str) -> bool:
        """Tell whether one more request fits, in scopes that are known or new."""
        return len(self._state.holds) < self._most_holds and self.takes(scopes, tenant)

    def takes(self, scopes: Iterable[str], tenant: str) -> bool:
        """Tell whether a tenant may bring in those of these scopes that are new."""
        known = self._state.scopes
        if len(known) < self._crowd:
            return True
        new = sum(scope not in known for scope in scopes)
        if not new:
            return True
        if tenant and self._state.brought.get(tenant, 0) + new > self._share:
            return False
        return len(known) + new <= self._most_scopes
