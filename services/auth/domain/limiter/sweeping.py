"""What time alone ends: leases of requests that nobody ended, and scopes that nobody uses. A few at a time."""

from collections.abc import Callable, Iterable

from services.auth.domain.limiter.capacity import Capacity
from services.auth.domain.limiter.readings import Readings
from services.auth.domain.limiter.records import Freed
from services.auth.domain.limiter.state import State
from services.auth.domain.limiter.tables import ScopeState

IDLE = 120.0
"""Seconds without use after which a scope with limits per minute is forgotten; two windows where they are longer."""

IDLE_BUDGET = 900.0
"""The same for a scope with a budget, which costs a reading of the ledger when it is used again."""

HOLDS_EACH, SCOPES_EACH = 5.0, 15.0
"""Seconds between two rounds over all requests in flight, and over all scopes."""


class Round:
    """Goes round the names of a table, in steps."""

    def __init__(self, each: float, names: Callable[[], Iterable[str]]) -> None:
        self._each = each
        self._names = names
        self._left: list[str] = []
        self._next = 0.0

    def some(self, most: int, now: float) -> list[str]:
        """Return the next few; none while the last round is not long enough ago."""
        if not self._left and not 0 < self._next - now <= self._each:
            self._left = list(self._names())
            self._next = now + self._each
        looked, self._left = self._left[-most:], self._left[:-most]
        return looked


class Sweeper:
    """Finds what is over."""

    def __init__(self, state: State, capacity: Capacity) -> None:
        self._state = state
        self._capacity = capacity
        self._idle = max(IDLE, 2 * state.grid.seconds)
        self._holds = Round(HOLDS_EACH, lambda: state.holds)
        self._scopes = Round(SCOPES_EACH, lambda: state.scopes)

    def overdue(self, most: int) -> tuple[list[Freed], list[str]]:
        """Return requests that nobody released in time, and those that nobody settled, after a look at `most`."""
        late: list[Freed] = []
        lost: list[str] = []
        for id in self._holds.some(most, self._state.now):
            hold = self._state.holds.get(id)
            if hold is None or hold.ends > self._state.now:
                continue
            if hold.released:
                lost.append(id)
            else:
                late.append(Freed(id, True))
        return late, lost

    def idle(self, readings: Readings, most: int) -> list[str]:
        """Return scopes in which nothing counts any more, after a look at `most` of them."""
        now, scopes = self._state.now, self._state.scopes
        crowded = self._capacity.crowded
        return [
            text
            for text in self._scopes.some(most, now)
            if (scope := scopes.get(text)) and text not in readings and self._is_idle(scope, now, crowded)
        ]

    def _is_idle(self, scope: ScopeState, now: float, crowded: bool) -> bool:
        if scope.holds or scope.awaited:
            return False
        budgeted = scope.purse is not None and not crowded
        return now - scope.used >= (max(self._idle, IDLE_BUDGET) if budgeted else self._idle)
