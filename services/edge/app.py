"""The edge's composition root: the HTTP server, its routes, and what they need."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from services.edge.handlers import Gateway
from services.edge.health import Health
from services.edge.metrics import MetricsPage
from services.edge.routes import add_routes
from shared.bus.bodies import BodyShelf
from shared.bus.lane_reader import Lanes
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.errors import TollwayError
from shared.offload import Offload
from shared.settings import Runtime
from shared.telemetry import families

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
    gateway = Gateway(worker, sender, lanes, shelf, offload, server)
    app = web.Application(client_max_size=server.max_body_bytes)
    worker.metrics.watch(families.IN_HAND, lambda: gateway.in_flight)
    add_routes(app, gateway, Health(worker), MetricsPage(worker, server))
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
        shutdown_timeout=server.drain_seconds,
        keepalive_timeout=75,
    )
    await runner.setup()
    await worker.bus.barrier()
    await _listen(runner, runtime)
    try:
        yield
    finally:
        await runner.cleanup()
        offload.close()


async def _listen(runner: web.AppRunner, runtime: Runtime) -> None:
    server = runtime.configuration.server
    site: web.BaseSite
    if runtime.listen_fd is not None:
        site = web.SockSite(runner, socket.socket(fileno=runtime.listen_fd), backlog=1024)
    else:
        site = web.TCPSite(runner, server.host, server.port, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        raise TollwayError(f"cannot listen on {server.host}:{server.port}: {error.strerror}") from None
