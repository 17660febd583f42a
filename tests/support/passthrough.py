"""The edge and pass-through on a real broker, with auth played by a stage that knows two keys."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import nats
from pydantic import SecretStr

from services.edge.app import build as build_edge
from services.passthrough.app import build as build_passthrough
from shared.bus.connection import Bus
from shared.bus.setup import ensure_streams
from shared.bus.stage import Call, Stage
from shared.bus.worker import Worker, new_worker_id
from shared.errors import Unauthenticated
from shared.schemas.context import Principal
from shared.schemas.events import Completion, CompletionsFinished
from shared.security.keys import key_digest
from shared.settings import Configuration, Runtime
from tests.support.haste import in_haste
from tests.support.nats_server import NatsServer
from tollway.stack.servers import free_port

KEY = "sk-tollway-caller-key"
LIMITED_KEY = "sk-tollway-limited-key"
PROVIDER_KEY = "provider-secret-key"

PRINCIPALS = {
    key_digest(KEY): Principal("key_holder", key="hash-of-key", key_alias="caller", team="team-1"),
    key_digest(LIMITED_KEY): Principal("key_holder", key="hash-of-limited", models=("demo",)),
}


@dataclass(frozen=True)
class Gateway:
    """A running gateway."""

    url: str
    nats_url: str
    auth: Worker
    edge: Worker
    passthrough: Worker

    async def knows_of(self, service: str) -> None:
        """Wait until auth hands requests on to a worker of a service that began to take them just now."""
        async with asyncio.timeout(60):
            while not self.auth.members.alive(service, time.monotonic()):
                await asyncio.sleep(0.01)

    async def completions(self, count: int = 1, *, at_once: bool = False) -> list[Completion]:
        """Return the first completion events in JetStream; waits until there are `count`, unless they must be there."""
        client = await nats.connect(self.nats_url)
        try:
            stream = client.jetstream()
            found: list[Completion] = []
            at = 1
            while len(found) < count:
                try:
                    message = await stream.get_msg("TOLLWAY_EVENTS", at)
                except nats.js.errors.NotFoundError:
                    assert not at_once, "it is not stored"
                    await client.flush()
                    continue
                found += msgspec.json.decode(message.data or b"", type=CompletionsFinished).completions
                at += 1
            return found
        finally:
            await client.close()


@asynccontextmanager
async def worker_on(url: str, service: str) -> AsyncIterator[Worker]:
    """Put a worker on the bus."""
    bus = await Bus.connect(url, name=service, inbox=service)
    worker = Worker(bus, service, new_worker_id())
    await worker.start()
    try:
        yield worker
    finally:
        await worker.close()
        await bus.close()


def admit(call: Call) -> None:
    """Play auth: pass the request on with the principal of its key."""
    principal = PRINCIPALS.get(call.ctx.credential)
    if principal is None:
        raise Unauthenticated("The API key is not valid.")
    call.forward(call.ctx.next, msgspec.structs.replace(call.ctx, credential="", principal=principal))


@asynccontextmanager
async def gateway(
    nats_server: NatsServer,
    folder: Path,
    target: str,
    *,
    keys: Mapping[str, tuple[str, SecretStr]] | None = None,
    **settings: Any,
) -> AsyncIterator[Gateway]:
    """Run a gateway whose vendors lead to `target`; `settings` are those of the configuration file."""
    port = free_port()
    demo = {"provider": "demo", "model": "demo", "api_base": target, "api_key": PROVIDER_KEY}
    document: dict[str, Any] = {"models": [{"model_name": "demo", "deployments": [demo]}]} | settings
    document["server"] = {"port": port, "drain_seconds": 5} | document.get("server", {})
    configuration = Configuration.model_validate(json.loads(json.dumps(document)))
    async with AsyncExitStack() as stack:
        workers = {}
        for service in ("auth", "passthrough", "edge"):
            workers[service] = await stack.enter_async_context(worker_on(nats_server.url, service))
        await ensure_streams(workers["auth"].bus)
        auth = Stage(workers["auth"], admit, max_in_hand=1000)
        await auth.start()
        for service, build in (("passthrough", build_passthrough), ("edge", build_edge)):
            runtime = Runtime(service, configuration, nats_server.url, data_dir=folder)
            await stack.enter_async_context(build(workers[service], runtime))
        for worker in workers.values():
            await worker.bus.barrier()
            worker.ready()
        for service in ("auth", "passthrough"):
            while workers["edge"].address_of(service) is None or workers["auth"].address_of(service) is None:
                await workers["edge"].bus.barrier()
                await workers["auth"].bus.barrier()
        yield Gateway(f"http://127.0.0.1:{port}", nats_server.url, **workers)
        with in_haste():
            await stack.aclose()
