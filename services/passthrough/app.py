"""The composition root of pass-through: targets, their connections, and the stage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.passthrough.admission import Admission
from services.passthrough.domain.targets import ProviderKeys, targets_of
from services.passthrough.handlers import Forwarder
from services.passthrough.metering import Copying
from services.passthrough.passage import Services
from services.passthrough.prices import Prices
from services.passthrough.provider import Provider
from shared.bus.bodies import BodyReader
from shared.bus.group_commit import EventWriter
from shared.bus.spool import FileSpool
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.offload import Offload
from shared.pricing.table import PriceTable
from shared.routes.passthrough import passthrough_endpoints
from shared.settings import Runtime


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it, store the last events and close all connections."""
    configuration = runtime.configuration
    passthrough_endpoints(configuration)
    targets = targets_of(configuration, _provider_keys(runtime))
    table = PriceTable(configuration.pricing.file)
    await asyncio.to_thread(table.load)
    async with AsyncExitStack() as stack:
        offload = Offload()
        stack.callback(offload.close)
        events = _event_writer(worker, runtime)
        await events.start()
        stack.push_async_callback(events.close)
        providers = {}
        for name, target in targets.items():
            providers[name] = Provider(target)
            stack.push_async_callback(providers[name].close)
        services = Services(worker, events, Prices(table, configuration), Copying(offload))
        admission = Admission(BodyReader(worker), offload, configuration.server.max_body_bytes)
        forwarder = Forwarder(services, admission, targets, providers)
        stage = Stage(worker, forwarder.forward, max_in_hand=configuration.max_in_hand)
        await stage.start()
        stack.push_async_callback(stage.drain, configuration.server.drain_seconds)
        yield


def _provider_keys(runtime: Runtime) -> ProviderKeys:
    keys: ProviderKeys = getattr(runtime, "provider_keys", {})
    return keys


def _event_writer(worker: Worker, runtime: Runtime) -> EventWriter:
    billing = runtime.configuration.billing
    spool = FileSpool(runtime.data_dir / "spool" / worker.service) if billing.on_stall == "spool" else None
    return EventWriter(worker.bus, on_stall=billing.on_stall, stall_seconds=billing.stall_seconds, spool=spool)
