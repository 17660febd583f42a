"""The composition root of guardrails: the stage that checks what goes to a model and what comes back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.guardrails.handlers import Guarding
from services.guardrails.inspection import Inspection
from services.guardrails.relay import Relay
from services.guardrails.verdicts import Verdicts
from shared.bus.bodies import BodyShelf
from shared.bus.group_commit import EventWriter
from shared.bus.lane_reader import Lanes
from shared.bus.observed import observe_events
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.offload import Offload
from shared.settings import Runtime


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it, the answers that pass through it included."""
    settings = runtime.configuration
    offload = Offload()
    inspection = Inspection(settings.guardrails, offload)
    lanes = Lanes(worker)
    shelf = BodyShelf(worker)
    writer = EventWriter(worker.bus, stall_seconds=settings.billing.stall_seconds)
    observe_events(worker.metrics, writer)
    verdicts = Verdicts(worker.metrics, writer, settings.billing.stall_seconds)
    guarding = Guarding(inspection, Relay(worker, lanes, inspection, verdicts), shelf, verdicts)
    stage = Stage(worker, guarding.guard, max_in_hand=settings.max_in_hand)
    await writer.start()
    await lanes.start()
    await shelf.start()
    await stage.start()
    try:
        yield
    finally:
        await stage.drain(settings.server.drain_seconds)
        await writer.close()
        offload.close()
