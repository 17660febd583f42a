"""The composition root of admin: the stage that answers management routes, and the voice of every change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.admin.callers import Callers
from services.admin.current import Current
from services.admin.declaring import Declaring
from services.admin.handlers import Desk, Handler
from services.admin.naming import GRANTING, ModelNames
from services.admin.recording import Recorder
from services.admin.tables.audit import audit_table
from services.admin.tables.budgets import budgets_table
from services.admin.tables.keys import keys_table
from services.admin.tables.models import models_table
from services.admin.tables.people import people_table
from services.admin.tables.spend import spend_table
from shared.bus.changes import ChangeAnnouncer, ChangeFollower
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.catalog.following import FileFollower
from shared.pricing.table import PriceTable
from shared.settings import Configuration, Runtime
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.models import Models
from shared.telemetry.families import DECLARATIONS_REFUSED

APPLY_SECONDS = 5.0
"""How long the start waits for declared objects to be in the store; they follow when it answers."""


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it."""
    settings = runtime.configuration
    store = Store.open(runtime.mongodb_url, owner=worker.id, alive=worker.present)
    announcer = ChangeAnnouncer(worker, Changes(store))
    recorder = Recorder(store, announcer)
    current, declaring = Current(runtime), Declaring(store, recorder, runtime.secret)
    desk = Desk(_table(store, recorder, runtime, current, declaring), Callers(store))

    def on_file(configuration: Configuration) -> None:
        current.go_by(configuration)
        declaring.state = "applied"

    file = FileFollower(runtime.file, on_file)
    follower = ChangeFollower(worker, Changes(store), on_change=file.changed, on_reset=lambda: None)
    worker.missing = lambda: ("the database does not answer",) if follower.store_away else ()
    stage = Stage(worker, desk.handle, max_in_hand=settings.max_in_hand)
    await announcer.start()
    await follower.start()
    worker.declarations = lambda: declaring.state
    worker.metrics.watch(DECLARATIONS_REFUSED, lambda: declaring.state == "refused")
    applying = asyncio.create_task(declaring.apply_at_start(settings, current.located))
    if current.declares_objects:
        await asyncio.wait([applying], timeout=APPLY_SECONDS)
    await stage.start()
    try:
        yield
    finally:
        await stage.drain(settings.server.drain_seconds)
        applying.cancel()
        await asyncio.wait([applying])
        await follower.close()
        await file.close()
        await recorder.close()
        await announcer.close()
        await store.close()


def _table(
    store: Store, recorder: Recorder, runtime: Runtime, current: Current, declaring: Declaring
) -> dict[str, Handler]:
    ledger = Ledger(store)
    prices = PriceTable(runtime.configuration.pricing.file)
    names = ModelNames(Models(store), current, prices, runtime.providers)
    table: dict[str, Handler] = {
        **keys_table(store, recorder, runtime),
        **people_table(store, recorder, runtime),
        **models_table(store, recorder, runtime, current, declaring, names),
        **budgets_table(store, recorder, runtime.configuration.limits.time_zone),
        **spend_table(store, ledger, runtime, current),
        **audit_table(store),
    }
    return {name: names.noting(handler) if name in GRANTING else handler for name, handler in table.items()}
