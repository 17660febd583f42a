"""Budgets that the limiter does not know are read from the ledger, while the requests that need them wait."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, Protocol

import structlog

from services.auth.domain.limiter.records import Needed
from shared.errors import Unavailable
from shared.schemas.scopes import Scope

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Budgets that are read at a time."""

REST_SECONDS = 0.5
"""Pause after the ledger, or the event stream, did not answer."""

READ_SECONDS = 5.0
"""How long one reading may take."""


class Spending(Protocol):
    """The ledger: `shared.store.ledger.Ledger`."""

    async def spent(self, scope: Scope, since: float) -> int:
        """Return nano-dollars spent in a scope since a time; raise `Unavailable`."""
        ...


class Reading(NamedTuple):
    """What the ledger says of one budget."""

    scope: str
    since: float
    spent: int
    """Nano-dollars, of everything that was stored when the reading began, and perhaps of more."""


class Readings:
    """Reads each budget once at a time, after billing has written what the event stream held."""

    def __init__(self, ledger: Spending, written: Callable[[], Awaitable[None]], arrived: Callable[[], None]) -> None:
        self._ledger = ledger
        self._written = written
        self._arrived = arrived
        self._wanted: dict[Needed, None] = {}
        self._under_way: set[Needed] = set()
        self._read: list[Reading] = []
        self._task: asyncio.Task[None] | None = None
        self.failures = 0

    def __len__(self) -> int:
        return len(self._wanted) + len(self._under_way)

    def want(self, needed: Iterable[Needed]) -> None:
        """Read these budgets, unless they are being read."""
        for budget in needed:
            if budget not in self._under_way:
                self._wanted[budget] = None
        if self._wanted and self._task is None:
            self._task = asyncio.ensure_future(self._work())
            self._task.add_done_callback(self._ended)

    def take(self) -> list[Reading]:
        """Return what was read since this was asked last."""
        read, self._read = self._read, []
        return read

    async def close(self) -> None:
        """Read no more."""
        self._wanted.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _ended(self, _: "asyncio.Task[None]") -> None:
        self._task = None
        self._under_way.clear()

    async def _work(self) -> None:
        while self._wanted:
            some = list(self._wanted)[: AT_ONCE * 8]
            for budget in some:
                del self._wanted[budget]
            self._under_way.update(some)
            try:
                async with asyncio.timeout(READ_SECONDS * 2):
                    await self._read_together(some)
            except (Unavailable, TimeoutError) as error:
                self.failures += 1
                log.warning("limiter.budgets_not_read", budgets=len(some), error=str(error))
                await asyncio.sleep(REST_SECONDS)
            finally:
                self._under_way.difference_update(some)

    async def _read_together(self, some: list[Needed]) -> None:
        await self._written()
        for start in range(0, len(some), AT_ONCE):
            await asyncio.gather(*[self._read_one(budget) for budget in some[start : start + AT_ONCE]])

    async def _read_one(self, budget: Needed) -> None:
        async with asyncio.timeout(READ_SECONDS):
            spent = await self._ledger.spent(Scope.parse(budget.scope), budget.since)
        self._read.append(Reading(budget.scope, budget.since, spent))
        self._under_way.discard(budget)
        self._arrived()
