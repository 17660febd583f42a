"""The bodies of the `/budget` routes: LiteLLM's `BudgetNewRequest`."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.limit_fields import LIMIT_FIELDS, read_limits
from shared.store.budgets import BudgetRecord

BUDGET = FieldPolicy(
    known=LIMIT_FIELDS | {"budget_id"},
    refused={"tpd_limit": None},
    kept=frozenset({"budget_reset_at"}),
)


def read_new_budget(body: Mapping[str, Any], now: float, by: str) -> tuple[BudgetRecord, tuple[str, ...]]:
    """Return the budget that a body asks for, and the fields that mean nothing; raise `InvalidRequest`."""
    ignored = BUDGET.sort_out(body)
    fields = Fields(body)
    blank = BudgetRecord(fields.text("budget_id") or str(uuid.uuid4()), now, created_by=by)
    return msgspec.structs.replace(blank, limits=read_limits(fields, blank.limits, now)), tuple(ignored)


def changed_budget(before: BudgetRecord, body: Mapping[str, Any], now: float, by: str) -> BudgetRecord:
    """Return a budget as a body changes it; absent leaves a limit as it was, null takes it away."""
    limits = read_limits(Fields(body), before.limits, now)
    return msgspec.structs.replace(before, limits=limits, updated_at=now, updated_by=by)
