"""The bodies of the `/customer` routes: LiteLLM's `NewCustomerRequest` and `UpdateCustomerRequest`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.limit_fields import LIMIT_FIELDS, read_limits
from shared.store.people import CustomerRecord

CUSTOMER = FieldPolicy(
    known=LIMIT_FIELDS | {"alias", "blocked", "budget_id", "metadata", "models", "user_id"},
    refused={"allowed_model_region": None, "object_permission": None, "spend": 0, "tpd_limit": None},
    kept=frozenset({"budget_reset_at", "default_model"}),
)


def read_new_customer(body: Mapping[str, Any], now: float, by: str) -> CustomerRecord:
    """Return the customer that a body asks for; raise `InvalidRequest` that names the field."""
    id = Fields(body).needed_text("user_id")
    return _changed(CustomerRecord(id, now, created_by=by), body, now)


def changed_customer(before: CustomerRecord, body: Mapping[str, Any], now: float, by: str) -> CustomerRecord:
    """Return a customer as a body changes it; absent leaves a field as it was, null takes it away."""
    return msgspec.structs.replace(_changed(before, body, now), updated_at=now, updated_by=by)


def _changed(before: CustomerRecord, body: Mapping[str, Any], now: float) -> CustomerRecord:
    ignored = CUSTOMER.sort_out_update(body, before.ignored)
    fields = Fields(body)
    return msgspec.structs.replace(
        before,
        alias=fields.updated("alias", fields.text, before.alias),
        blocked=fields.updated("blocked", fields.flag, before.blocked),
        models=fields.updated("models", fields.texts, before.models),
        limits=read_limits(fields, before.limits, now),
        budget_id=fields.updated("budget_id", fields.text, before.budget_id),
        metadata=fields.updated("metadata", fields.mapping, before.metadata),
        ignored=ignored,
    )
