"""Which scopes may be forgotten, a few at a time."""

from services.auth.domain.limiter.readings import Readings
from services.auth.domain.limiter.state import ScopeState, State

IDLE = 120.0
"""Seconds without use after which a scope with limits per minute is forgotten: more than any window."""

IDLE_BUDGET = 900.0
"""The same for a scope with a budget, which costs a reading of the ledger when it is used again."""

CROWDED = 0.75
"""Share of the room for scopes from which on budgets are forgotten as early as the others."""

ROUND = 15.0
"""Seconds between two rounds over all scopes."""


class Sweeper:
    """Goes round all scopes, in steps."""

    def __init__(self, most_scopes: int) -> None:
        self._most = most_scopes
        self._left: list[str] = []
        self._next = 0.0

    def idle(self, state: State, readings: Readings, most: int) -> list[str]:
        """Return scopes in which nothing counts any more, after a look at `most` of them."""
        if not self._left and not 0 < self._next - state.now <= ROUND:
            self._left = list(state.scopes)
            self._next = state.now + ROUND
        looked, self._left = self._left[-most:], self._left[:-most]
        crowded = len(state.scopes) >= self._most * CROWDED
        return [
            text
            for text in looked
            if (scope := state.scopes.get(text)) and text not in readings and _is_idle(scope, state.now, crowded)
        ]


def _is_idle(scope: ScopeState, now: float, crowded: bool) -> bool:
    if scope.holds or scope.awaited:
        return False
    budgeted = scope.purse is not None and not crowded
    return now - scope.used >= (IDLE_BUDGET if budgeted else IDLE)
