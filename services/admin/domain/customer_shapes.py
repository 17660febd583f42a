"""Customers as LiteLLM's clients read them."""

from typing import Any

from services.admin.domain.limit_fields import budget_table_shape
from services.admin.domain.times import shown
from shared.pricing.money import to_dollars
from shared.schemas.limits import merged
from shared.store.budgets import BudgetRecord
from shared.store.people import CustomerRecord


def customer_shape(
    record: CustomerRecord, budget: BudgetRecord | None = None, spend: int = 0, reset_at: float | None = None
) -> dict[str, Any]:
    """Return LiteLLM's `CustomerResponse`; `budget` is the one that the customer refers to.

    `spend` is that of the budget's current period in nano-dollars, `reset_at` when it ends.
    """
    limits = merged(record.limits, budget.limits) if budget is not None else record.limits
    return {
        "user_id": record.id,
        "alias": record.alias or None,
        "blocked": record.blocked,
        "spend": to_dollars(spend),
        "models": list(record.models),
        "allowed_model_region": None,
        "default_model": None,
        "budget_id": record.budget_id or None,
        "litellm_budget_table": budget_table_shape(limits, record.budget_id, reset_at),
        "object_permission": None,
        "object_permission_id": None,
        "metadata": record.metadata,
        "declared": record.declared,
        "created_at": shown(record.created_at),
        "updated_at": shown(record.updated_at or record.created_at),
        **record.ignored,
    }
