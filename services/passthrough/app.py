"""The composition root of pass-through: targets, their connections, and the stage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.passthrough.admission import Admission
from services.passthrough.books import Accounting
from services.passthrough.domain.targets import targets_of
from services.passthrough.handlers import Forwarder
from services.passthrough.limits import NativeLimits
from services.passthrough.metering import Copying
from services.passthrough.prices import Prices
from services.passthrough.provider import Provider
from shared.bus.asking import Asking
from shared.bus.bodies import BodyReader
from shared.bus.group_commit import EventWriter
from shared.bus.limits import LimiterClient
from shared.bus.observed import observe_events
from shared.bus.spool import FileSpool
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.offload import Offload
from shared.pricing.table import PriceTable
from shared.pricing.warm import warm
from shared.settings import Runtime
from shared.telemetry import families


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it, store the last events and close all connections."""
    configuration = runtime.configuration
    table = PriceTable(configuration.pricing.file)
    await asyncio.to_thread(warm)
    async with AsyncExitStack() as stack:
        offload = Offload()
        stack.callback(offload.close)
        writer = _event_writer(worker, runtime)
        await writer.start()
        stack.push_async_callback(writer.close)
        limiter = LimiterClient(worker)
        await limiter.start()
        stack.push_async_callback(limiter.close)
        routes = {}
        for name, target in targets_of(configuration, runtime.provider_keys).items():
            routes[name] = target, Provider(target)
            stack.push_async_callback(routes[name][1].close)
        copying = Copying(offload)
        stack.push_async_callback(copying.close)
        prices = Prices(table, configuration)
        for target, _ in routes.values():
            # Looked up by the first form that names no model, all of them would hold the event loop.
            await asyncio.to_thread(prices.all_of, target)
        accounting = Accounting(writer, limiter, prices, offload, worker.metrics)
        admission = Admission(BodyReader(worker), offload, configuration.server.max_body_bytes)
        limits = NativeLimits(
            Asking(worker, limiter, configuration.limits),
            prices,
            offload,
            configuration.server.max_body_bytes,
            allow_unpriced=configuration.limits.allow_unpriced,
        )
        forwarder = Forwarder(worker, admission, limits, accounting, copying, routes)
        worker.metrics.watch(families.USAGE_UNREADABLE, lambda: copying.unreadable)
        stage = Stage(worker, forwarder.forward, max_in_hand=configuration.max_in_hand)
        await stage.start()
        stack.push_async_callback(stage.drain, configuration.server.drain_seconds)
        yield


def _event_writer(worker: Worker, runtime: Runtime) -> EventWriter:
    billing = runtime.configuration.billing
    spool = FileSpool(runtime.data_dir / "spool" / worker.service) if billing.on_stall == "spool" else None
    writer = EventWriter(worker.bus, on_stall=billing.on_stall, stall_seconds=billing.stall_seconds, spool=spool)
    observe_events(worker.metrics, writer, spool)
    return writer
