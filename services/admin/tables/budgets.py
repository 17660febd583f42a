"""Budgets and customers."""

from services.admin.budgets import BudgetRoutes
from services.admin.customers import CustomerRoutes
from services.admin.handlers import Handler
from services.admin.recording import Recorder
from services.admin.spending import Spending
from shared.store.budgets import budgets
from shared.store.connection import Store
from shared.store.people import customers


def budgets_table(store: Store, recorder: Recorder, zone: str) -> dict[str, Handler]:
    """Return the handlers by the names of their routes; `zone` is the time zone of budgets' periods."""
    budget = BudgetRoutes(budgets(store), recorder)
    customer = CustomerRoutes(customers(store), budgets(store), Spending(store, zone), recorder)
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
