"""The composition root of the router: the stage that picks a deployment, calls it and answers."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import structlog

from services.router.attempt import Attempts
from services.router.capacity import Capacity
from services.router.chat import Chat
from services.router.deployments import Deployments
from services.router.listing import Listing
from services.router.refreshing import Refresh
from services.router.target import Target, target_of
from services.router.upstream import Upstream
from shared.bus.changes import ChangeFollower
from shared.bus.group_commit import EventWriter
from shared.bus.limits import LimiterClient
from shared.bus.observed import observe_events
from shared.bus.spool import FileSpool
from shared.bus.stage import Call, Stage
from shared.bus.worker import Worker
from shared.catalog.catalog import Catalog
from shared.catalog.following import FileFollower
from shared.credentials.resolver import Resolver
from shared.offload import Offload
from shared.pricing.table import PriceTable
from shared.pricing.warm import warm
from shared.schemas.control import Change
from shared.settings import Configuration, Deployment, Runtime
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.credentials import Credentials
from shared.store.models import Models

log = structlog.get_logger(__name__)


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it, and store the events that are left."""
    settings = runtime.configuration
    await asyncio.to_thread(warm)
    store = Store.open(runtime.mongodb_url)
    prices, upstream, offload = PriceTable(settings.pricing.file), Upstream(), Offload()
    writer = _event_writer(worker, runtime)
    resolver = Resolver(settings.credentials, os.environ)
    deployments = Deployments(runtime, prices, Models(store), Credentials(store), resolver)

    catalog = Catalog(
        deployments.fixed, deployments.load, _preparing(prices), upstream.keep, lambda: deployments.withheld
    )
    limiter = LimiterClient(worker)
    capacity = Capacity(limiter, worker.address, settings.limits.answer_seconds)
    capacity.configure(settings.models)

    def on_file(configuration: Configuration) -> None:
        capacity.configure(configuration.models)
        catalog.fix(deployments.fix(configuration))

    file = FileFollower(runtime.file, on_file)

    def on_change(change: Change) -> None:
        file.changed(change)
        catalog.changed(change)

    follower = ChangeFollower(worker, Changes(store), on_change=on_change, on_reset=catalog.reload)
    attempts = Attempts(worker, upstream, writer, capacity, offload)
    chat = Chat(catalog, attempts, writer, limiter, worker.metrics)
    listing = Listing(catalog)
    handlers = {
        "chat_completions": chat.answer,
        "messages": chat.answer,
        "models": listing.answer,
        "model": listing.answer,
    }

    def handle(call: Call) -> Coroutine[None, None, None]:
        return handlers[call.ctx.route](call)

    worker.metrics.watch_cache("models", lambda: len(catalog))
    stage = Stage(worker, handle, max_in_hand=settings.max_in_hand)
    worker.missing = lambda: (
        () if catalog.loaded else ("stored models are not known yet: the database has not answered",)
    )
    await writer.start()
    await limiter.start()
    await follower.start()
    catalog.reload()
    refresh = Refresh(catalog.reload, resolver, settings.credentials.refresh_seconds)
    await stage.start()
    try:
        yield
    finally:
        await stage.drain(settings.server.drain_seconds)
        await follower.close()
        await refresh.close()
        await file.close()
        await catalog.close()
        await resolver.close()
        await writer.close()
        await limiter.close()
        await upstream.close()
        offload.close()
        await store.close()


def _event_writer(worker: Worker, runtime: Runtime) -> EventWriter:
    billing = runtime.configuration.billing
    spool = FileSpool(runtime.data_dir / "spool") if billing.on_stall == "spool" else None
    writer = EventWriter(worker.bus, on_stall=billing.on_stall, stall_seconds=billing.stall_seconds, spool=spool)
    observe_events(worker.metrics, writer, spool)
    return writer


def _preparing(prices: PriceTable) -> Callable[[Deployment], Target]:
    """Return what makes a deployment ready to be called."""

    def prepare(deployment: Deployment) -> Target:
        price = prices.price_of(deployment)
        if not price.known:
            log.warning("router.model_unpriced", deployment=deployment.id, model=deployment.model)
        return target_of(deployment, price)

    return prepare
