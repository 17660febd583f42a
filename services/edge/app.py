"""The edge's composition root: the HTTP server, its routes, and what they need."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from services.edge.cors import allow_origins
from services.edge.docs import Docs
from services.edge.handlers import Gateway
from services.edge.health import Health
from services.edge.leases import Leases
from services.edge.listening import listen
from services.edge.metrics import MetricsPage
from services.edge.routes import add_routes
from services.edge.server import Runner
from shared.bus.bodies import BodyShelf
from shared.bus.group_commit import EventWriter
from shared.bus.lane_reader import Lanes
from shared.bus.limits import LimiterClient
from shared.bus.observed import observe_events
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.errors import Unavailable
from shared.offload import Offload
from shared.routes.passthrough import passthrough_endpoints
from shared.settings import Runtime
from shared.telemetry import families

LINGER_SECONDS = 0.5
"""How long open connections are still read after the last answer, once no new ones are taken. A request that is on
its way is answered, as its connection's last one; only a client that was silent for so long is cut off."""

CLOSE_SECONDS = 2.0
"""How long connections may take to close once their requests have ended."""

MAX_HEADER = 32 * 1024
"""Bytes of one header line; long JWTs are longer than aiohttp's default of 8,190."""


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve HTTP until left; then take no new connections and let requests in flight end."""
    server = runtime.configuration.server
    lanes = Lanes(worker)
    shelf = BodyShelf(worker)
    await lanes.start()
    await shelf.start()
    offload = Offload()
    # The edge takes no stage messages; it uses the stage's way of sending them.
    sender = Stage(worker, lambda call: None, max_in_hand=1)
    billing = runtime.configuration.billing
    writer = EventWriter(worker.bus, stall_seconds=billing.stall_seconds)
    observe_events(worker.metrics, writer)
    await writer.start()
    limiter = LimiterClient(worker)
    await limiter.start()
    leases = Leases(limiter, lanes)
    gateway = Gateway(
        worker,
        sender,
        lanes,
        leases,
        shelf,
        writer,
        offload,
        server,
        log_requests=runtime.configuration.logging.requests,
        takes_tokens=bool(runtime.configuration.auth.jwt),
    )
    app = web.Application(client_max_size=server.max_body_bytes)
    worker.metrics.watch(families.IN_HAND, lambda: gateway.in_flight)
    worker.metrics.watch(families.BODY_BYTES_HELD, lambda: gateway.held_bytes)
    natives = passthrough_endpoints(runtime.configuration)
    add_routes(app, gateway, Health(worker), MetricsPage(worker, server), Docs(server), natives)
    if server.cors_origins:
        allow_origins(app, server.cors_origins)

    async def last_answer(_: web.Request, response: web.StreamResponse) -> None:
        if gateway.draining:
            response.headers["Connection"] = "close"  # the header's own time has passed here
            response.force_close()

    app.on_response_prepare.append(last_answer)
    runner = Runner(
        app,
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
        shutdown_timeout=CLOSE_SECONDS,
        keepalive_timeout=75,
    )
    await runner.setup()
    await worker.bus.barrier()
    site = await listen(runner, runtime)
    try:
        yield
    finally:
        await site.stop()
        await _drain(gateway, runner, lanes, server.drain_seconds)
        await runner.cleanup()
        await writer.close()
        await limiter.close()
        offload.close()


async def _drain(gateway: Gateway, runner: web.AppRunner, lanes: Lanes, limit: float) -> None:
    """Let requests in flight end within `limit` seconds, then end them with an error of their dialect."""
    gateway.draining = True
    began = quiet_since = time.monotonic()
    while _connections(runner):
        await asyncio.sleep(0.02)
        now = time.monotonic()
        if gateway.in_flight:
            quiet_since = now
        if now - quiet_since >= LINGER_SECONDS:
            return
        if now - began >= limit:
            lanes.fail_all(Unavailable("this gateway is shutting down", retry_after=1))
            return


def _connections(runner: web.AppRunner) -> int:
    return len(runner.server.connections) if runner.server is not None else 0
