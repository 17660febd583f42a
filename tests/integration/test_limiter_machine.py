"""Admissions, ends of every kind, crashes, resets and updates in any order on real servers, beside a model of what must
hold."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import nats.errors
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.auth.domain.limiter import Limiter
from services.auth.limiter.seat import Seat
from services.auth.limiter.tally import Tally
from shared.bus.connection import Bus
from shared.bus.limits import LimiterClient
from shared.bus.setup import ensure_streams
from shared.bus.worker import Worker, new_worker_id
from shared.schemas.scopes import Scope
from tests.support.limiters import Sums, ask, completion, quota
from tests.support.nats_server import NatsServer

pytestmark = [
    # Sockets that died with a broker are closed when they are collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

LIMITS = {"rpm": 25, "parallel": 4, "budget": 1000}
LOST_SECONDS = 60.0
"""After so many seconds an edge that died would keep its slots for good."""

WINDOW_SECONDS = 3600.0
"""Far longer than any of these plays takes: what is admitted stays counted."""

PERIOD = 3600.0
T = TypeVar("T")
Crowd = tuple[int, int, bool]
"""How many requests come at once, what each holds, and whether by the edge that will die."""

CROWDS = st.tuples(st.integers(1, 6), st.integers(1, 400), st.booleans())
ENDS = st.tuples(st.sampled_from(["answered", "refused", "cancelled"]), st.integers(0, 400))
"""How a request ends, and what it cost if it was answered."""


class LimiterOnServers(RuleBasedStateMachine):
    """One key with a limit of each kind, asked by two edges; up to three seats that come, leave and die."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._nats = NatsServer(Path(self._folder.name))
        self._nats.start()
        self._loop = asyncio.new_event_loop()
        self._workers: dict[Seat, Worker] = {}
        self._asked = 0
        self._admitted = 0
        self._limits = dict(LIMITS)
        self._ledger = Entries()
        self._since = time.time() - PERIOD / 2
        self._in_flight: dict[str, tuple[int, str]] = {}
        """What each request holds, and the edge that has its client."""
        self._unbilled: dict[str, int] = {}
        """What requests hold that are over, and whose events have not been heard of."""
        self._edges_lost = 0

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(work, 90))

    async def _worker(self, service: str) -> Worker:
        bus = await Bus.connect(self._nats.url, name=service, inbox=service)
        worker = Worker(bus, service, new_worker_id())
        await worker.start()
        return worker

    @initialize()
    def begin(self) -> None:
        """Start with an edge and a seat."""

        async def work() -> None:
            self._edge = await self._worker("edge")
            await ensure_streams(self._edge.bus)
            self._client = LimiterClient(self._edge)
            await self._client.start()
            self._frail = await self._worker("edge")
            await self._edge.bus.barrier()

        self._run(work())
        self.sit()

    @precondition(lambda self: len(self._workers) < 3)
    @rule()
    def sit(self) -> None:
        """Another auth worker starts."""

        async def work() -> None:
            worker = await self._worker("auth")
            seat = Seat(worker, _limiter, self._ledger, Tally(worker.metrics), snapshot_entries=15)
            await seat.start()
            self._workers[seat] = worker

        self._run(work())

    @precondition(lambda self: len(self._workers) > 1)
    @rule(active=st.booleans(), gently=st.booleans(), crowd=CROWDS)
    def leave(self, active: bool, gently: bool, crowd: Crowd) -> None:
        """One of them stops, or dies: its connection is gone without a word."""
        seat = next((seat for seat in self._workers if seat.active is active), next(iter(self._workers)))

        async def work() -> None:
            worker = self._workers.pop(seat)
            if gently:
                await seat.close()
                await worker.close()
                await worker.bus.close()
            else:
                await worker.bus.close()
                for closing in (seat.close, worker.close):
                    with contextlib.suppress(nats.errors.Error):
                        await closing()

        self._run(work())
        self.burst(crowd)

    @rule(crowd=CROWDS)
    def restart_broker(self, crowd: Crowd) -> None:
        """nats-server is killed, and is there again."""

        async def work() -> None:
            await asyncio.sleep(0.02)
            while not all(worker.bus.connected for worker in (self._edge, self._frail, *self._workers.values())):
                await asyncio.sleep(0.02)

        self._nats.stop()
        self._nats.start()
        self._run(work())
        self.burst(crowd)

    @rule(crowd=CROWDS)
    def burst(self, crowd: Crowd) -> None:
        """Requests come at once; those that are admitted are in flight."""
        number, cost, frail = crowd
        ids = [f"r{self._asked + n}" for n in range(number)]
        self._asked += number
        limits = quota(**self._limits, since=self._since, until=self._since + PERIOD)
        owner = (self._frail if frail else self._edge).address

        async def work() -> list[bool]:
            asks = [ask(self._client, id, limits, cost=cost, owner=owner) for id in ids]
            return [verdict.refusal is None for verdict in await asyncio.gather(*asks)]

        passed = [id for id, admitted in zip(ids, self._run(work()), strict=True) if admitted]
        expected = self._expected(number, cost)
        assert len(passed) == expected, (len(passed), expected)
        self._admitted += len(passed)
        self._in_flight |= dict.fromkeys(passed, (cost, owner))

    def _expected(self, number: int, cost: int) -> int:
        """Return how many of so many requests are to be admitted."""
        held = sum(cost for cost, _ in self._in_flight.values()) + sum(self._unbilled.values())
        spent, expected = self._ledger.since(self._since), 0
        while (
            expected < number
            and self._admitted + expected < self._limits["rpm"]
            and len(self._in_flight) + expected < self._limits["parallel"]
            and spent + held + expected * cost < self._limits["budget"]
        ):
            expected += 1
        return expected

    @precondition(lambda self: self._in_flight)
    @rule(ends=st.lists(ENDS, min_size=1, max_size=3), crowd=CROWDS)
    def end(self, ends: list[tuple[str, int]], crowd: Crowd) -> None:
        """Requests end: with an answer that was billed, without a call of a provider, or cut in the middle."""
        for how, real in ends[: len(self._in_flight)]:
            id, (cost, _) = self._in_flight.popitem()
            if how == "answered":
                self._bill(id, real)
            elif how == "cancelled":
                self._unbilled[id] = cost
            self._client.release(id, sent=how != "refused")
        self._run(self._told())
        self.burst(crowd)

    @precondition(lambda self: self._unbilled)
    @rule(real=st.integers(0, 400), crowd=CROWDS)
    def bill(self, real: int, crowd: Crowd) -> None:
        """The event of a request arrives that was cut, or whose edge had died."""
        id, _ = self._unbilled.popitem()
        self._bill(id, real)
        self._run(self._told())
        self.burst(crowd)

    @rule(limit=st.sampled_from(sorted(LIMITS)), times=st.sampled_from([0.5, 1, 2]), crowd=CROWDS)
    def update(self, limit: str, times: float, crowd: Crowd) -> None:
        """An operator changes a limit; what was counted stays counted."""
        self._limits[limit] = int(LIMITS[limit] * times)
        self.burst(crowd)

    @rule(crowd=CROWDS)
    def reset(self, crowd: Crowd) -> None:
        """A new period of the budget begins; requests in flight hold what they held."""
        self._since = time.time()
        self.burst(crowd)

    @precondition(lambda self: self._edges_lost == 0 and self._of_the_frail)
    @rule(crowd=CROWDS)
    def lose_edge(self, crowd: Crowd) -> None:
        """An edge dies: its slots are free, what it had sent to providers stays held."""
        self._edges_lost += 1
        lost = self._frail
        for id in self._of_the_frail:
            self._unbilled[id] = self._in_flight.pop(id)[0]

        async def work() -> None:
            await lost.bus.close()
            await lost.close()
            self._frail = await self._worker("edge")
            async with asyncio.timeout(LOST_SECONDS):
                while any(seat.active and lost.address in _owners(seat) for seat in self._workers) or not any(
                    seat.active for seat in self._workers
                ):
                    await asyncio.sleep(0.05)

        self._run(work())
        self.burst(crowd)

    @property
    def _of_the_frail(self) -> list[str]:
        return [id for id, (_, owner) in self._in_flight.items() if owner == self._frail.address]

    def _bill(self, id: str, real: int) -> None:
        """Write a completion to the ledger, and tell the limiter."""
        event = completion(id, cost=real)
        self._ledger.entries.append((event.ended, real))
        self._client.settle_for(event)

    async def _told(self) -> None:
        """Wait until the limiter has confirmed everything."""
        while self._client.unsettled:
            await asyncio.sleep(0.01)

    @invariant()
    def no_more_than_one_knows_better(self) -> None:
        """Of those that think that they decide, all but one are wrong and will find out; here nobody sleeps."""
        if self._workers:
            self._run(self._one_decides())

    async def _one_decides(self) -> None:
        """Wait until all but one have found out."""
        await asyncio.sleep(0)
        while sum(seat.active for seat in self._workers) > 1:
            await asyncio.sleep(0.02)

    def teardown(self) -> None:
        """Stop everything."""

        async def work() -> None:
            for seat, worker in self._workers.items():
                await seat.close()
                await worker.close()
                await worker.bus.close()
            await self._client.close(0.1)
            for edge in (self._edge, self._frail):
                await edge.close()
                await edge.bus.close()

        self._run(work())
        self._loop.close()
        self._nats.stop()
        self._folder.cleanup()


class Entries(Sums):
    """A ledger of one key: when its completions ended, and what they cost."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[tuple[float, int]] = []

    def since(self, moment: float) -> int:
        """Return what was spent since a time."""
        return sum(cost for at, cost in self.entries if at >= moment)

    async def spent(self, scope: Scope, since: float) -> int:
        """Return it as the limiter reads it."""
        return self.since(since)


def _limiter() -> Limiter:
    return Limiter("sliding", WINDOW_SECONDS)


def _owners(seat: Seat) -> tuple[str, ...]:
    return seat.limiter.owners if seat.limiter is not None else ()


LimiterOnServers.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestLimiterOnServers = LimiterOnServers.TestCase
