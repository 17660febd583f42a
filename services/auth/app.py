"""The composition root of auth: the stage that tells who is asking and whether they may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.auth.domain.offers import Offer
from services.auth.handlers import Admission
from services.auth.records import Records
from services.auth.standings import Standings
from shared.bus.changes import ChangeFollower
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.catalog.catalog import Catalog
from shared.catalog.fixed import configured_deployments
from shared.catalog.following import FileFollower
from shared.pricing.table import PriceTable
from shared.pricing.warm import warm
from shared.schemas.control import Change
from shared.settings import Deployment, Runtime
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.models import Models, offered_deployments


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it."""
    settings = runtime.configuration
    await asyncio.to_thread(warm)
    store = Store.open(runtime.mongodb_url)
    models, prices = Models(store), PriceTable(settings.pricing.file)

    async def load() -> list[tuple[str, Deployment]]:
        return offered_deployments(await models.all())

    catalog = Catalog(
        configured_deployments(settings), load, lambda deployment: Offer(deployment, prices.price_of(deployment))
    )
    file = FileFollower(runtime.file, lambda configuration: catalog.fix(configured_deployments(configuration)))
    records = Records.of_store(store, settings.auth.cached_keys)
    standings = Standings(records, catalog, settings.auth.cached_keys)

    def on_change(change: Change) -> None:
        standings.changed(change)
        file.changed(change)
        catalog.changed(change)

    def on_reset() -> None:
        standings.clear()
        catalog.reload()

    follower = ChangeFollower(worker, Changes(store), on_change=on_change, on_reset=on_reset)
    records.follow(follower)
    admission = Admission(
        standings,
        catalog,
        follower,
        master=runtime.master_key_digest,
        secret=runtime.secret,
        max_age_seconds=settings.auth.max_age_seconds,
    )
    stage = Stage(worker, admission.admit, max_in_hand=settings.max_in_hand)
    worker.metrics.watch_cache("keys", lambda: len(records.key))
    worker.metrics.watch_cache("unknown_keys", lambda: records.key.unknown)
    worker.metrics.watch_cache("standings", lambda: len(standings))
    for kind in ("user", "team", "member", "organization", "budget"):
        worker.metrics.watch_cache(f"{kind}s", records.all[kind].__len__)
    worker.missing = lambda: ("the database does not answer",) if follower.store_away else ()
    await follower.start()
    catalog.reload()
    await stage.start()
    try:
        yield
    finally:
        await stage.drain(settings.server.drain_seconds)
        await follower.close()
        await file.close()
        await catalog.close()
        await store.close()
