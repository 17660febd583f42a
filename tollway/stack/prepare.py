"""What must be there before a service starts: the streams and the indexes."""

import asyncio
import os
import sys

from shared.bus.service import connect
from shared.bus.setup import ensure_streams
from shared.errors import TollwayError
from shared.settings import ConfigurationError, Runtime
from shared.settings.runtime import from_environment
from shared.store.connection import Store, StoreUnavailable, place_of
from shared.store.setup import ensure_indexes
from shared.telemetry.logs import configure_logs
from tollway.stack.permissions import SETUP_USER

REACH_SECONDS = 5.0
"""How long to look for nats-server before saying that it is not there."""


def prepare() -> int:
    """Create streams and indexes where the environment says; return the exit code."""
    configure_logs("setup", "")
    try:
        asyncio.run(_prepare(from_environment(SETUP_USER, os.environ)))
    except (TollwayError, ConfigurationError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    return 0


async def _prepare(runtime: Runtime) -> None:
    await asyncio.gather(_streams(runtime), _indexes(runtime))


async def _streams(runtime: Runtime) -> None:
    bus = await connect(runtime, "tollway.setup", timeout=REACH_SECONDS)
    try:
        await ensure_streams(bus, replicas=runtime.configuration.nats.stream_replicas)
    finally:
        await bus.close()


async def _indexes(runtime: Runtime) -> None:
    store = Store.open(runtime.mongodb_url)
    try:
        await ensure_indexes(store)
    except StoreUnavailable as error:
        raise StoreUnavailable(f"MongoDB at {place_of(runtime.mongodb_url)} cannot be reached") from error
    finally:
        await store.close()
