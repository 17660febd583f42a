"""Billing's composition root: the consumer of completion events, and the ledger they are written to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.billing.handlers import Billing
from services.billing.retention import sweeping
from services.billing.sheets import making_sheets
from shared.bus import subjects
from shared.bus.connection import BusUnavailable
from shared.bus.consumer import EventConsumer
from shared.bus.limits import LimiterClient
from shared.bus.worker import Worker
from shared.settings import Runtime
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.retention import Retention
from shared.store.sheets import Sheets
from shared.telemetry.families import EVENTS_BEHIND, EVENTS_REDELIVERED

log = structlog.get_logger(__name__)


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Consume until left; then finish the batch in hand. The first event is taken once the database answers."""
    store = Store.open(runtime.mongodb_url, owner=worker.id, alive=worker.present)
    drain_seconds = runtime.configuration.server.drain_seconds
    consumer = EventConsumer(worker.bus, durable=subjects.LEDGER_CONSUMER, drain_seconds=drain_seconds)
    limiter = LimiterClient(worker)
    await limiter.start()
    billing = Billing(Ledger(store), store.ping, consumer.dead_letter, limiter, worker.metrics)
    worker.missing = lambda: (*billing.missing(), *(() if consumer.running else ("event stream",)))
    worker.metrics.watch(EVENTS_BEHIND, lambda: billing.behind)
    worker.metrics.watch(EVENTS_REDELIVERED, lambda: billing.redelivered)
    days = runtime.configuration.ledger.retention_days
    starting = asyncio.create_task(_start(billing, consumer))
    try:
        async with sweeping(Retention(store, days) if days else None), making_sheets(Sheets(store)):
            yield
    finally:
        billing.stop()
        await starting
        await consumer.stop()
        await limiter.close()
        await store.close()


async def _start(billing: Billing, consumer: EventConsumer) -> None:
    await billing.available()
    while not (consumer.running or billing.stopping):
        try:
            await consumer.start(billing.handle)
        except BusUnavailable as error:
            log.warning("billing.waits_for_events", reason=error.message)
            await billing.rest(1)
