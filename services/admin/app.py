"""The composition root of admin: the stage that answers management routes, and the voice of every change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.admin.audit import AuditRoutes
from services.admin.budgets import BudgetRoutes
from services.admin.callers import Callers
from services.admin.credentials import CredentialRoutes
from services.admin.customers import CustomerRoutes
from services.admin.handlers import Desk, Handler
from services.admin.keys import KeyRoutes
from services.admin.model_views import ModelViews, configured_deployments
from services.admin.models import ModelRoutes
from services.admin.recording import Recorder
from services.admin.spend import SpendRoutes
from shared.bus.changes import ChangeAnnouncer
from shared.bus.stage import Stage
from shared.bus.worker import Worker
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


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it."""
    settings = runtime.configuration
    store = Store.open(runtime.mongodb_url, owner=worker.id, alive=worker.present)
    announcer = ChangeAnnouncer(worker, Changes(store))
    recorder = Recorder(store, announcer)
    desk = Desk(_table(store, recorder, runtime), Callers(store))
    stage = Stage(worker, desk.handle, max_in_hand=settings.max_in_hand)
    await announcer.start()
    await stage.start()
    try:
        yield
    finally:
        await stage.drain(settings.server.drain_seconds)
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
        **_models_table(store, recorder, runtime),
        **_budgets_table(store, recorder),
        **_audit_table(store),
    }


def _models_table(store: Store, recorder: Recorder, runtime: Runtime) -> dict[str, Handler]:
    models, credentials, settings = Models(store), Credentials(store), runtime.configuration.credentials
    configured = frozenset(id for _, id, _ in configured_deployments(runtime.configuration))
    model = ModelRoutes(models, credentials, recorder, configured, settings, runtime.encryption_key)
    views = ModelViews(models, runtime.configuration, PriceTable(runtime.configuration.pricing.file))
    credential = CredentialRoutes(credentials, models, recorder, settings, runtime.encryption_keys)
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
