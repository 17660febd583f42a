"""End users: whoever a request is for, as the caller says."""

from dataclasses import dataclass

from services.auth.domain.grants import Members, limit
from services.auth.domain.quotas import Plan, Rules, customer_plan
from shared.errors import Forbidden
from shared.schemas.model_lists import allows
from shared.store.budgets import BudgetRecord
from shared.store.people import CustomerRecord


@dataclass(frozen=True, slots=True)
class Customer:
    """What holds for an end user, stored or not."""

    id: str
    plan: Plan
    known: bool = False
    blocked: bool = False
    models: tuple[str, ...] = ()


def customer_of(
    id: str, record: CustomerRecord | None, budget: BudgetRecord | None, members: Members, rules: Rules
) -> Customer:
    """Return what holds for an end user; `budget` is its own, or the one for all that have none."""
    plan = customer_plan(id, record, budget, rules)
    if record is None:
        return Customer(id, plan)
    return Customer(id, plan, known=True, blocked=record.blocked, models=limit(record.models, members))


def check_customer(customer: Customer, model: str, provider_names: tuple[str, ...], *, known_only: bool) -> None:
    """Raise `Forbidden` unless requests may be made for this end user, to this model group."""
    if customer.blocked:
        raise Forbidden("This end user is blocked.", param="user", code="customer_blocked")
    if known_only and not customer.known:
        raise Forbidden("This end user is not known here.", param="user", code="customer_unknown")
    if customer.models and not allows(customer.models, model, provider_names):
        raise Forbidden(f"This end user may not use the model '{model}'.", param="model", code="model_not_allowed")
