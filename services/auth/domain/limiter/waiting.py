"""Requests that wait for their turn: fair between tenants, in order within one, and bounded."""

import heapq
from collections import deque

from shared.schemas.limits import Ask, Measure

MOST_WAITING = 10_000
"""Requests that may wait at once; one more is refused."""

MOST_OF_A_TENANT = 2_500
"""Requests of one tenant that may wait for room: the place is everybody's, above all of those whose budget is read."""

MOST_UNREAD_OF_A_TENANT = 5_000
"""The same where a budget is read first: any caller's first requests wait for that, by no wish of their own."""

WOKEN = 300
"""Requests that may go on by one call, so that its record stays small; the others go on by the next one."""

WOKEN_BY_READING = 8
"""The same by a reading, of which many may come at once."""

OVERTAKEN = 16
"""Requests that do not wait and may pass the first in a queue; after them the scope is kept for those who wait."""

SLACK = 64
"""Ends of waits that are kept beyond twice those who wait, before the others are thrown out."""


class Waiter:
    """One request that waits."""

    __slots__ = ("ask", "gone", "patience", "until")

    def __init__(self, ask: Ask, patience: float) -> None:
        self.ask = ask
        self.patience = patience
        """Until when it may wait for room."""
        self.until = ask.deadline
        """When the wait that it is in ends."""
        self.gone = False


class FairQueue:
    """Those who wait for room in one scope. Tenants take turns; within a tenant the first comes first.

    Nobody passes the head, so a large request is not starved by small ones that wait too.
    """

    __slots__ = ("measure", "overtaken", "tenants")

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        """The limit that they wait for."""
        self.tenants: dict[str, deque[Waiter]] = {}
        """The tenant whose turn it is stands first."""
        self.overtaken = 0

    def add(self, waiter: Waiter) -> None:
        """Let a request wait behind the others of its tenant."""
        self.tenants.setdefault(waiter.ask.tenant, deque()).append(waiter)

    def head(self) -> Waiter | None:
        """Return whose turn it is."""
        while self.tenants:
            tenant = next(iter(self.tenants))
            line = self.tenants[tenant]
            while line and line[0].gone:
                line.popleft()
            if line:
                return line[0]
            del self.tenants[tenant]
        return None

    def next(self) -> None:
        """Take the head out; the next tenant's turn comes."""
        tenant = next(iter(self.tenants))
        line = self.tenants.pop(tenant)
        line.popleft()
        if line:
            self.tenants[tenant] = line
        self.overtaken = 0


class WaitingRoom:
    """All who wait: for room in a scope, or for a budget to be read."""

    def __init__(self) -> None:
        self.queues: dict[str, FairQueue] = {}
        """By scope; whoever empties one takes it away."""
        self.ready: deque[Waiter] = deque()
        """Those whose budget was read; they may be gone."""
        self._waiters: dict[str, Waiter] = {}
        self._of_tenant: dict[str, int] = {}
        self._unread: dict[str, list[Waiter]] = {}
        self._ends: list[tuple[float, str]] = []
        self._round: list[str] = []

    def __len__(self) -> int:
        return len(self._waiters)

    def __contains__(self, id: str) -> bool:
        return id in self._waiters

    @property
    def full(self) -> bool:
        """True when nobody else may wait."""
        return len(self._waiters) >= MOST_WAITING

    def has_room_for(self, tenant: str) -> bool:
        """Tell whether one more request of a tenant may wait for room."""
        return not self.full and self._of_tenant.get(tenant, 0) < MOST_OF_A_TENANT

    def has_room_to_read_for(self, tenant: str) -> bool:
        """Tell whether one more request of a tenant may wait for a budget to be read."""
        return not self.full and self._of_tenant.get(tenant, 0) < MOST_UNREAD_OF_A_TENANT

    def line_up(self, waiter: Waiter, scope: str, measure: Measure) -> None:
        """Let a request wait for room in a scope, as long as its patience lasts."""
        self._enter(waiter, min(waiter.patience, waiter.ask.deadline))
        queue = self.queues.get(scope)
        if queue is None:
            queue = self.queues[scope] = FairQueue(measure)
        queue.add(waiter)

    def some(self, most: int) -> list[str]:
        """Return some scopes in which requests wait; all of them come round in turn."""
        if not self._round:
            self._round = list(self.queues)
        looked, self._round = self._round[-most:], self._round[:-most]
        return looked

    def wait_for_ledger(self, waiter: Waiter, scope: str) -> None:
        """Let a request wait for a budget to be read, up to its deadline."""
        self._enter(waiter, waiter.ask.deadline)
        self._unread.setdefault(scope, []).append(waiter)

    def read(self, scope: str) -> None:
        """Let those go on who waited for this budget, in order."""
        self.ready += self._unread.pop(scope, ())

    def leave(self, id: str) -> None:
        """Take out a request, if it waits."""
        waiter = self._waiters.pop(id, None)
        if waiter:
            waiter.gone = True
            tenant = waiter.ask.tenant
            left = self._of_tenant[tenant] - 1
            if left:
                self._of_tenant[tenant] = left
            else:
                del self._of_tenant[tenant]

    def leave_all(self, owner: str) -> None:
        """Take out the requests of an owner that died."""
        for id in [id for id, waiter in self._waiters.items() if waiter.ask.owner == owner]:
            self.leave(id)

    def over(self, now: float) -> list[Waiter]:
        """Take out those whose wait is over, `WOKEN` at a time."""
        found: list[Waiter] = []
        while self._ends and self._ends[0][0] <= now and len(found) < WOKEN:
            _, id = heapq.heappop(self._ends)
            waiter = self._waiters.get(id)
            if waiter and waiter.until <= now:
                self.leave(id)
                found.append(waiter)
        if len(self._ends) > 2 * len(self._waiters) + SLACK:
            self._ends = [(waiter.until, id) for id, waiter in self._waiters.items()]
            heapq.heapify(self._ends)
        for scope in [scope for scope, line in self._unread.items() if all(waiter.gone for waiter in line)]:
            del self._unread[scope]
        return found

    def awaits_ledger(self, scope: str) -> bool:
        """Tell whether somebody waits for this budget to be read."""
        return scope in self._unread

    def _enter(self, waiter: Waiter, until: float) -> None:
        waiter.until = until
        self._waiters[waiter.ask.id] = waiter
        self._of_tenant[waiter.ask.tenant] = self._of_tenant.get(waiter.ask.tenant, 0) + 1
        heapq.heappush(self._ends, (until, waiter.ask.id))
