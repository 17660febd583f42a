"""Keys as LiteLLM's clients read them."""

from typing import Any

from services.admin.domain.key_access_fields import key_type_of
from services.admin.domain.limit_fields import limits_shape
from services.admin.domain.times import shown
from shared.pricing.money import to_dollars
from shared.store.keys import KeyRecord

_WITHOUT_A_VALUE: dict[str, Any] = {
    "config": {},
    "model_spend": {},
    "allowed_cache_controls": [],
    "litellm_budget_table": None,
}
"""What LiteLLM's answers hold and Tollway has no value for; typed clients count on their presence."""


def token_shape(record: KeyRecord, spend: int | None = None, reset_at: float | None = None) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_VerificationToken`.

    `spend` in nano-dollars, left out where it is not known; `reset_at` is when the budget's period ends.
    """
    shape = {
        "token": record.hash,
        "key_name": record.key_name,
        "key_alias": record.key_alias or None,
        **_WITHOUT_A_VALUE,
        **limits_shape(record.limits, reset_at),
        "budget_id": record.budget_id or None,
        "expires": shown(record.expires),
        "models": list(record.models),
        "aliases": record.aliases,
        "user_id": record.user_id or None,
        "team_id": record.team_id or None,
        "organization_id": record.organization_id or None,
        "org_id": record.organization_id or None,
        "metadata": record.metadata,
        "tags": list(record.tags),
        "permissions": record.permissions,
        "allowed_routes": list(record.allowed_routes),
        "key_type": key_type_of(record.allowed_routes),
        "allowed_addresses": list(record.allowed_addresses),
        "guardrails": list(record.guardrails),
        "enforced_params": list(record.enforced_params),
        "wait_for_room": record.wait_for_room,
        "service_account": record.service_account,
        "superseded_by": record.superseded_by or None,
        "declared": record.declared,
        "blocked": record.blocked,
        "created_at": shown(record.created_at),
        "created_by": record.created_by or None,
        "updated_at": shown(record.updated_at or record.created_at),
        "updated_by": record.updated_by or record.created_by or None,
        **record.ignored,
    }
    if spend is not None:
        shape["spend"] = to_dollars(spend)
    return shape


def generated_shape(shape: dict[str, Any], key: str, duration: str) -> dict[str, Any]:
    """Return LiteLLM's `GenerateKeyResponse` of a key's shape: the one answer that holds the key."""
    return {**shape, "key": key, "token_id": shape["token"], "duration": duration or None}
