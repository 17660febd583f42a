"""The composition root of admin: the stage that answers management routes, and the voice of every change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.admin.audit import AuditRoutes
from services.admin.budgets import BudgetRoutes
from services.admin.callers import Callers
from services.admin.credentials import CredentialRoutes
from services.admin.current import Current
from services.admin.customers import CustomerRoutes
from services.admin.declaring import Declaring
from services.admin.handlers import Desk, Handler
from services.admin.keys import KeyRoutes
from services.admin.model_views import ModelViews
from services.admin.models import ModelRoutes
from services.admin.recording import Recorder
from services.admin.reloading import ReloadRoutes
from services.admin.spend import SpendRoutes
from shared.bus.changes import ChangeAnnouncer, ChangeFollower
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.catalog.following import FileFollower
from shared.pricing.table import PriceTable
from shared.settings import Runtime
from shared.store.audit import Audit
from shared.store.budgets import budgets
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.credentials import Credentials
from shared.store.keys import Keys
from shared.store.ledger import Ledger
from shared.store.models import Models
from shared.store.people import customers

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
    table = _table(store, recorder, runtime) | _file_table(store, recorder, runtime, current, declaring)
    desk = Desk(table, Callers(store))
    file = FileFollower(runtime.file, current.go_by)
    follower = ChangeFollower(worker, Changes(store), on_change=file.changed, on_reset=lambda: None)
    stage = Stage(worker, desk.handle, max_in_hand=settings.max_in_hand)
    await announcer.start()
    await follower.start()
    applying = asyncio.create_task(declaring.apply_at_start(settings))
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


def _table(store: Store, recorder: Recorder, runtime: Runtime) -> dict[str, Handler]:
    keys, ledger = Keys(store), Ledger(store)
    key = KeyRoutes(keys, ledger, recorder, runtime.secret)
    spend = SpendRoutes(ledger, keys, runtime.secret)
    return {
        "key_generate": key.generate,
        "key_info": key.info,
        "key_delete": key.delete,
        "key_block": key.block,
        "key_unblock": key.unblock,
        "key_list": key.list,
        "spend_logs": spend.logs,
        **_budgets_table(store, recorder),
        **_audit_table(store),
    }


def _file_table(
    store: Store, recorder: Recorder, runtime: Runtime, current: Current, declaring: Declaring
) -> dict[str, Handler]:
    """Return the routes about what the configuration file says too."""
    models, credentials, settings = Models(store), Credentials(store), runtime.configuration
    model = ModelRoutes(models, credentials, recorder, current, runtime.encryption_key)
    views = ModelViews(models, current, PriceTable(settings.pricing.file))
    credential = CredentialRoutes(credentials, models, recorder, settings.credentials, runtime.encryption_keys)
    config = ReloadRoutes(current, declaring, recorder)
    return {
        "model_new": model.new,
        "model_update": model.update,
        "model_patch": model.update,
        "model_block": model.block,
        "model_unblock": model.unblock,
        "model_info": views.info,
        "model_group_info": views.groups,
        "model_delete": model.delete,
        "credential_new": credential.new,
        "credential_list": credential.list,
        "credential_by_model": credential.by_model,
        "credential_by_name": credential.by_name,
        "credential_update": credential.update,
        "credential_delete": credential.delete,
        "config_reload": config.reload,
        "config_plan": config.plan,
    }


def _budgets_table(store: Store, recorder: Recorder) -> dict[str, Handler]:
    budget = BudgetRoutes(budgets(store), recorder)
    customer = CustomerRoutes(customers(store), budgets(store), recorder)
    return {
        "budget_new": budget.new,
        "budget_update": budget.update,
        "budget_info": budget.info,
        "budget_settings": budget.settings,
        "budget_list": budget.list,
        "budget_delete": budget.delete,
        "customer_new": customer.new,
        "customer_update": customer.update,
        "customer_info": customer.info,
        "customer_list": customer.list,
        "customer_block": customer.block,
        "customer_unblock": customer.unblock,
        "customer_delete": customer.delete,
    }


def _audit_table(store: Store) -> dict[str, Handler]:
    audit = AuditRoutes(Audit(store))
    return {"audit_list": audit.list, "audit_one": audit.one}
