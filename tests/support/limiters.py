"""The limiter as auth runs it, without the rest of auth: seats and clients on a real broker, and a small ledger."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.auth.domain.limiter import Limiter
from services.auth.limiter.seat import Seat
from services.auth.limiter.tally import Tally
from shared.bus.limits import LimiterClient
from shared.bus.worker import Worker
from shared.errors import Unavailable
from shared.schemas.events import Attempt, Completion
from shared.schemas.limits import Ask, Quota, Verdict
from shared.schemas.scopes import Scope


class Sums:
    """A ledger that knows nothing but sums."""

    def __init__(self) -> None:
        self.spent_by: dict[str, int] = {}
        self.away = False
        self.asked: list[tuple[str, float]] = []

    async def spent(self, scope: Scope, since: float) -> int:
        """Return what was put there; raises `Unavailable` while it is away."""
        self.asked.append((scope.id, since))
        if self.away:
            raise Unavailable("the database cannot be reached")
        return self.spent_by.get(scope.id, 0)


@asynccontextmanager
async def seated(worker: Worker, sums: Sums | None = None, *, snapshot_entries: int = 20_000) -> AsyncIterator[Seat]:
    """Stand for election as long as the block lasts."""
    seat = Seat(worker, Limiter, sums or Sums(), Tally(worker.metrics), snapshot_entries=snapshot_entries)
    await seat.start()
    try:
        yield seat
    finally:
        await seat.close()


@asynccontextmanager
async def client_of(worker: Worker) -> AsyncIterator[LimiterClient]:
    """Ask and settle as long as the block lasts."""
    client = LimiterClient(worker)
    await client.start()
    await worker.bus.barrier()
    try:
        yield client
    finally:
        await client.close()


def quota(id: str = "k", **limits: int | float) -> Quota:
    """Return the quota of a key."""
    return Quota(Scope("key", id).text, **limits)  # type: ignore[arg-type]


async def ask(
    client: LimiterClient, id: str, *quotas: Quota, cost: int = 0, tokens: int = 0, seconds: float = 60.0,
    owner: str = "edge.nobody", wait: float = 0.0,
) -> Verdict:  # fmt: skip
    """Ask, and wait for the verdict."""
    deadline = time.time() + seconds
    return await client.ask(Ask(id, owner, deadline, quotas, tokens, cost, wait), deadline, lambda _: None)


async def ask_many(client: LimiterClient, prefix: str, number: int, *quotas: Quota, cost: int = 0) -> int:
    """Ask for so many requests at once; return how many were admitted."""
    asks = [ask(client, f"{prefix}{n}", *quotas, cost=cost) for n in range(number)]
    return sum(verdict.refusal is None for verdict in await asyncio.gather(*asks))


def completion(id: str, cost: int = 0) -> Completion:
    """Return a completion that ended now."""
    now = time.time()
    attempt = Attempt(id, "d", "demo", "demo", now, now, "success", 200, cost=cost)
    return Completion(
        id, "chat_completions", "openai", "demo", "success", 200, now, now, attempts=(attempt,), limited=True
    )
