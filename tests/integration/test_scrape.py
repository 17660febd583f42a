"""Metrics of several workers, gathered over a real nats-server into one `/metrics` answer."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from services.edge.metrics import MetricsPage
from shared.bus.connection import Bus
from shared.bus.stage import Call, Stage
from shared.bus.worker import Worker
from shared.settings.server import ServerSettings
from tests.support.nats_server import NatsServer
from tollway.services import SERVICES
from tollway.stack.nats_config import nats_config
from tollway.stack.permissions import USERS


def served(worker: Worker, settings: ServerSettings) -> TestClient[Any, Any]:
    """Return a client of a server that has nothing but `/metrics`."""
    app = web.Application()
    app.router.add_get("/metrics", MetricsPage(worker, settings).scrape)
    return TestClient(TestServer(app))


async def workers_in(client: TestClient[Any, Any]) -> set[tuple[str, str]]:
    """Scrape, parse, and return who reported the size of its process."""
    answer = await client.get("/metrics")
    assert answer.status == 200
    families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
    samples = families["process_resident_memory_bytes"].samples
    return {(sample.labels["service"], sample.labels["worker"]) for sample in samples}


def heard(worker: Worker, others: int) -> bool:
    """Tell whether a worker hears that many workers, itself included."""
    members = worker.members
    return sum(members.heard_of(service, time.monotonic()) for service in members.members) == others


async def test_one_answer_holds_every_workers_metrics(worker_on: Any, eventually: Any) -> None:
    """Two workers of a stage and the edge itself report under their own names, with no code of their own."""

    async def answer(call: Call) -> None:
        return None

    async with worker_on("edge") as edge, worker_on("router") as first, worker_on("router") as second:
        for router in (first, second):
            await Stage(router, answer, max_in_hand=1).start()
            router.metrics.retried("demo")
        await eventually(lambda: heard(edge, 3))
        async with served(edge, ServerSettings()) as client:
            expected = {("edge", edge.id), ("router", first.id), ("router", second.id)}
            async with asyncio.timeout(60):
                while await workers_in(client) != expected:
                    pass
                text = ""
                while not all(f'worker="{router.id}"' in text for router in (first, second)):
                    text = await (await client.get("/metrics")).text()
            assert text.count("# TYPE tollway_stage_handled_total counter\n") == 1
            for router in (first, second):
                assert f'tollway_retries_total{{provider="demo",service="router",worker="{router.id}"}} 1.0\n' in text


async def test_a_scrape_needs_no_more_than_each_services_permissions(tmp_path: Path, eventually: Any) -> None:
    """On a nats-server with the users of the stack, a worker of every service answers the edge."""
    server = NatsServer(tmp_path / "nats")
    passwords = {user: f"password-of-{user}" for user in USERS}
    server.config = nats_config(port=server.port, store=server.folder, passwords=passwords)
    async with AsyncExitStack() as stack:
        stack.enter_context(server)
        workers = {}
        for service in SERVICES:
            bus = await Bus.connect(server.url, name=service, inbox=service, user=service, password=passwords[service])
            stack.push_async_callback(bus.close)
            workers[service] = Worker(bus, service, f"{service}-1")
            await workers[service].start()
            stack.push_async_callback(workers[service].close)
        edge = workers["edge"]
        await eventually(lambda: heard(edge, len(SERVICES)))
        client = await stack.enter_async_context(served(edge, ServerSettings()))
        async with asyncio.timeout(60):
            while await workers_in(client) != {(service, f"{service}-1") for service in SERVICES}:
                pass


async def test_metrics_are_answered_while_the_broker_is_frozen(
    nats_server: Any, worker_on: Any, eventually: Any
) -> None:
    """The edge reports at least itself, soon, when nobody else can be asked."""
    async with worker_on("edge") as edge, worker_on("router") as router:
        await eventually(lambda: heard(edge, 2))
        async with served(edge, ServerSettings()) as client:
            nats_server.signal(signal.SIGSTOP)
            try:
                started = time.monotonic()
                assert await workers_in(client) == {("edge", edge.id)}
                assert time.monotonic() - started < 10
            finally:
                nats_server.signal(signal.SIGCONT)
            await eventually(lambda: edge.responsive and router.bus.connected)


async def test_metrics_may_need_a_key_of_their_own(worker_on: Any) -> None:
    """With `server.metrics_key` set, a scrape without it gets 401 and nothing else."""
    settings = ServerSettings.model_validate({"metrics_key": "scrape-me"})
    async with worker_on("edge") as edge, served(edge, settings) as client:
        statuses = [
            (await client.get("/metrics", headers=headers)).status
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer scrape-me"})
        ]
        assert statuses == [401, 401, 200]
