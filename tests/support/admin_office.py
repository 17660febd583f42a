"""One admin over an empty database, and an office that asks it."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from services.admin.app import build
from shared.bus.lane_reader import Lanes
from shared.bus.stage import Stage
from shared.settings import Configuration, Runtime
from shared.store.connection import Store
from shared.store.setup import ensure_indexes
from tests.support.haste import in_haste
from tests.support.office import Office
from tests.support.store_server import StoreServer

SECRET = b"0123456789abcdef"
ENCRYPTION_KEY = bytes(range(32))


@asynccontextmanager
async def admin_office(
    nats_server: Any, server: StoreServer, worker_on: Any, eventually: Any, configuration: Configuration
) -> AsyncIterator[Office]:
    """Run the admin until left."""
    async with AsyncExitStack() as stack:
        store = Store.open(server.url)
        stack.push_async_callback(store.close)
        await store.client.drop_database("tollway")
        await ensure_indexes(store)
        runtime = Runtime(
            "admin", configuration, nats_server.url,
            mongodb_url=server.url, secret=SECRET, encryption_key=ENCRYPTION_KEY,
        )  # fmt: skip
        worker = await stack.enter_async_context(worker_on("admin"))
        await stack.enter_async_context(build(worker, runtime))
        await worker.bus.barrier()
        worker.ready()
        edge = await stack.enter_async_context(worker_on("edge"))
        lanes = Lanes(edge)
        await lanes.start()
        await edge.bus.barrier()
        await eventually(lambda: len(edge.members.alive("admin", time.monotonic())) == 1)
        yield Office(Stage(edge, lambda call: None, max_in_hand=1), lanes, store)
        with in_haste():
            await stack.aclose()
