"""Budgets as LiteLLM's clients read them."""

from collections.abc import Mapping
from typing import Any

from services.admin.domain.limit_fields import limits_shape
from services.admin.domain.times import shown
from shared.store.budgets import BudgetRecord

_TYPES = {
    "max_parallel_requests": "Integer",
    "tpm_limit": "Integer",
    "rpm_limit": "Integer",
    "budget_duration": "String",
    "max_budget": "Float",
    "soft_budget": "Float",
    "model_max_budget": "Object",
}

_NOUNS = {"keys": "key", "memberships": "member"}


def budget_shape(record: BudgetRecord) -> dict[str, Any]:
    """Return LiteLLM's stored row of a budget."""
    return {
        "budget_id": record.id,
        **limits_shape(record.limits),
        "declared": record.declared,
        "created_at": shown(record.created_at),
        "created_by": record.created_by or None,
        "updated_at": shown(record.updated_at or record.created_at),
        "updated_by": record.updated_by or record.created_by or None,
    }


def settings_shape(record: BudgetRecord | None) -> list[dict[str, Any]]:
    """Return LiteLLM's list of what a budget may say, with what this one says."""
    values = budget_shape(record) if record is not None else {}
    return [
        {
            "field_name": name,
            "field_type": type,
            "field_description": "",
            "field_value": values.get(name) or None,
            "stored_in_db": True,
            "field_default_value": None,
        }
        for name, type in _TYPES.items()
    ]


def users_sentence(users: Mapping[str, list[str]]) -> str:
    """Return who refers to a budget, for people: `keys a, b; teams c`."""
    parts = []
    for collection, ids in users.items():
        names = ", ".join("/".join(id.split("\x1f")) for id in ids)
        parts.append(f"{collection} {names}")
    return "; ".join(parts)
