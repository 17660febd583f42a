"""Fixtures that every kind of test may use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.nats_server import NatsServer

# How long an example takes says something about the machine and what else it does, never about the code;
# and the examples are the same everywhere: what passes on one machine passes on the other.
settings.register_profile(
    "any machine", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """Run a nats-server of its own, with JetStream on file."""
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Return a coroutine function that polls a condition until it holds."""

    async def poll(condition: Callable[[], bool], timeout: float = 30.0) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    return poll


@pytest.fixture
def worker_on(nats_server: NatsServer) -> Any:
    """Return a context manager that puts a worker on the bus."""
    from shared.bus.connection import Bus
    from shared.bus.worker import Worker, new_worker_id

    @asynccontextmanager
    async def start(service: str) -> AsyncIterator[Worker]:
        bus = await Bus.connect(nats_server.url, name=service, inbox=service)
        worker = Worker(bus, service, new_worker_id())
        await worker.start()
        try:
            yield worker
        finally:
            await worker.close()
            await bus.close()

    return start
