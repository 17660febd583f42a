"""What a question to the limiter costs, settlement and release included: `python -m benchmarks.limiter`.

It runs the limiter's seat as a process of its own, with stand-bys if wanted, beside a real nats-server that syncs
each write, and asks from this process by the client that auth, edge and router use.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import uvloop

from services.auth.domain.limiter import Limiter
from services.auth.limiter.seat import Seat
from services.auth.limiter.tally import Tally
from shared.bus.connection import Bus
from shared.bus.limits import LimiterClient
from shared.bus.setup import ensure_streams
from shared.bus.worker import Worker, new_worker_id
from shared.schemas.events import Attempt, Completion
from shared.schemas.limits import Ask, Quota
from shared.schemas.scopes import Scope
from tests.support.limiters import Sums
from tests.support.nats_server import NatsServer

ROOT = Path(__file__).parents[1]
LARGE = 10**15


async def worker_on(url: str, service: str) -> Worker:
    """Return a worker on the bus."""
    bus = await Bus.connect(url, name=service, inbox=service)
    worker = Worker(bus, service, new_worker_id())
    await worker.start()
    return worker


async def sit(url: str) -> None:
    """Stand for election until killed."""
    worker = await worker_on(url, "auth")
    await Seat(worker, Limiter, Sums(), Tally(worker.metrics)).start()
    await asyncio.Event().wait()


def quotas(caller: int) -> tuple[Quota, ...]:
    """Return four limited scopes, two of them with a budget."""
    key, user, team = (Scope("key", f"{'k' * 60}{caller}"), Scope("user", f"user-{caller}"), Scope("team", "team-1"))
    return (
        Quota(key.text, rpm=LARGE, tpm=LARGE, parallel=LARGE, budget=LARGE),
        Quota(user.text, rpm=LARGE, tpm=LARGE),
        Quota(team.text, rpm=LARGE, tpm=LARGE, budget=LARGE),
        Quota(Scope("organization", "org-1").text, rpm=LARGE),
    )


def completion(id: str) -> Completion:
    """Return a completion that cost a little."""
    now = time.time()
    attempt = Attempt(id, "d", "demo", "demo", now, now, "success", 200, cost=5)
    return Completion(id, "chat_completions", "openai", "demo", "success", 200, now, now, attempts=(attempt,))


class Load:
    """Keeps a number of questions in flight."""

    def __init__(self, client: LimiterClient, owner: str) -> None:
        self._client = client
        self._owner = owner
        self.times: list[float] = []

    async def run(self, in_flight: int, seconds: float) -> float:
        """Return decisions per second."""
        self.times.clear()
        end = time.monotonic() + seconds
        await asyncio.gather(*[self._one(caller, end) for caller in range(in_flight)])
        return len(self.times) / seconds

    async def _one(self, caller: int, end: float) -> None:
        mine = quotas(caller)
        number = 0
        while time.monotonic() < end:
            number += 1
            id = f"{caller:08x}{number:08x}{time.time_ns():016x}"
            began = time.perf_counter()
            deadline = time.time() + 600
            verdict = await self._client.ask(Ask(id, self._owner, deadline, mine, 500, 1000), deadline, lambda _: None)
            self.times.append(time.perf_counter() - began)
            assert verdict.refusal is None
            self._client.settle(completion(id))
            self._client.release(id, sent=True)


@contextmanager
def seat_process(url: str) -> Iterator[psutil.Process]:
    """Run a seat as a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.limiter", "--sit", url], env=environment, cwd=ROOT)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait(10)


def used(process: psutil.Process) -> float:
    """Return seconds of CPU."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(nats: NatsServer, options: argparse.Namespace) -> None:
    """Print a line for each number in flight."""
    worker = await worker_on(nats.url, "edge")
    await ensure_streams(worker.bus)
    assert nats._process is not None
    with ExitStack() as stack:
        seats = [stack.enter_context(seat_process(nats.url)) for _ in range(1 + options.standbys)]
        parts = {"asker": psutil.Process(), "nats-server": psutil.Process(nats._process.pid)}
        parts |= {f"seat {number}": seat for number, seat in enumerate(seats, 1)}
        client = LimiterClient(worker)
        await client.start()
        load = Load(client, worker.address)
        await load.run(8, 2.0)
        for in_flight in options.in_flight:
            before = {name: used(part) for name, part in parts.items()}
            rate = await load.run(in_flight, options.seconds)
            cost = {name: (used(part) - before[name]) / len(load.times) * 1e6 for name, part in parts.items()}
            shown = ", ".join(f"{name} {value:.0f}" for name, value in cost.items())
            p50 = statistics.median(load.times) * 1e3
            print(f"{in_flight:4d} in flight: {rate:8,.0f} decisions/s, p50 {p50:.2f} ms, "
                  f"{sum(cost.values()):.0f} µs of CPU each ({shown})")  # fmt: skip
        await client.close()
    await worker.close()
    await worker.bus.close()


def main() -> None:
    """Run the load, or a seat for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sit", metavar="URL", help="be a seat on this broker")
    parser.add_argument("--standbys", type=int, default=0)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    if options.sit:
        uvloop.run(sit(options.sit))
        return
    with tempfile.TemporaryDirectory() as folder, NatsServer(Path(folder) / "nats") as nats:
        uvloop.run(measure(nats, options))


if __name__ == "__main__":
    main()
