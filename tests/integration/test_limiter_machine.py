"""Admissions, completions, crashes and restarts in any order on real servers, beside a model of what must hold."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

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
from tests.support.limiters import Sums, ask, completion, quota
from tests.support.nats_server import NatsServer

pytestmark = [
    # Sockets that died with a broker are closed when they are collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

RPM, SLOTS, BUDGET = 25, 4, 1000
T = TypeVar("T")


class LimiterOnServers(RuleBasedStateMachine):
    """One key with a limit of each kind, asked by an edge; up to three seats that come, leave and die."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._nats = NatsServer(Path(self._folder.name))
        self._nats.start()
        self._loop = asyncio.new_event_loop()
        self._workers: dict[Seat, Worker] = {}
        self._asked = 0
        self._admitted = 0
        self._in_flight: dict[str, int] = {}
        self._spent = 0

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(work, 30))

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
            await self._edge.bus.barrier()

        self._run(work())
        self.sit()

    @precondition(lambda self: len(self._workers) < 3)
    @rule()
    def sit(self) -> None:
        """Another auth worker starts."""

        async def work() -> None:
            worker = await self._worker("auth")
            seat = Seat(worker, Limiter, Sums(), Tally(worker.metrics), snapshot_entries=15)
            await seat.start()
            self._workers[seat] = worker

        self._run(work())

    @precondition(lambda self: len(self._workers) > 1)
    @rule(active=st.booleans(), gently=st.booleans())
    def leave(self, active: bool, gently: bool) -> None:
        """One of them stops, or dies: its connection is gone without a word."""
        seat = next((seat for seat in self._workers if seat.active is active), next(iter(self._workers)))

        async def work() -> None:
            worker = self._workers.pop(seat)
            if not gently:
                await worker.bus.close()
            await seat.close()
            await worker.close()
            await worker.bus.close()

        self._run(work())

    @rule()
    def restart_broker(self) -> None:
        """nats-server is killed, and is there again."""

        async def work() -> None:
            await asyncio.sleep(0.02)
            while not all(worker.bus.connected for worker in (self._edge, *self._workers.values())):
                await asyncio.sleep(0.02)

        self._nats.stop()
        self._nats.start()
        self._run(work())

    @rule(number=st.integers(1, 6), cost=st.integers(1, 400))
    def burst(self, number: int, cost: int) -> None:
        """Requests come at once; those that are admitted are in flight."""
        ids = [f"r{self._asked + n}" for n in range(number)]
        self._asked += number
        limits = quota(rpm=RPM, parallel=SLOTS, budget=BUDGET)

        async def work() -> list[bool]:
            asks = [ask(self._client, id, limits, cost=cost, owner=self._edge.address) for id in ids]
            return [verdict.refusal is None for verdict in await asyncio.gather(*asks)]

        passed = [id for id, admitted in zip(ids, self._run(work()), strict=True) if admitted]
        held = sum(self._in_flight.values())
        expected = 0
        while (
            expected < number
            and self._admitted + expected < RPM
            and len(self._in_flight) + expected < SLOTS
            and self._spent + held + expected * cost < BUDGET
        ):
            expected += 1
        assert len(passed) == expected, (len(passed), expected)
        self._admitted += len(passed)
        self._in_flight |= dict.fromkeys(passed, cost)

    @precondition(lambda self: self._in_flight)
    @rule(real=st.integers(0, 400), sent=st.booleans())
    def end(self, real: int, sent: bool) -> None:
        """A request ends: settled and released, or never sent."""
        id, _ = self._in_flight.popitem()
        if sent:
            self._client.settle_for(completion(id, cost=real))
            self._spent += real
        self._client.release(id, sent=sent)

        async def work() -> None:
            while self._client.unsettled:
                await asyncio.sleep(0.01)

        self._run(work())

    @invariant()
    def no_more_than_one_knows_better(self) -> None:
        """Of those that think that they decide, all but one are wrong and will find out; here nobody sleeps."""
        if self._workers:
            self._run(asyncio.sleep(0))
            assert sum(seat.active for seat in self._workers) <= 1

    def teardown(self) -> None:
        """Stop everything."""

        async def work() -> None:
            for seat, worker in self._workers.items():
                await seat.close()
                await worker.close()
                await worker.bus.close()
            await self._client.close(0.1)
            await self._edge.close()
            await self._edge.bus.close()

        self._run(work())
        self._loop.close()
        self._nats.stop()
        self._folder.cleanup()


LimiterOnServers.TestCase.settings = settings(
    max_examples=4,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestLimiterOnServers = LimiterOnServers.TestCase
