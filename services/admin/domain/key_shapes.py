"""Keys as LiteLLM's clients read them."""

from typing import Any

from services.admin.domain.key_fields import NewKey
from services.admin.domain.times import shown
from shared.pricing.money import to_dollars
from shared.store.keys import KeyRecord

_WITHOUT_A_VALUE: dict[str, Any] = {
    "max_budget": None,
    "budget_duration": None,
    "budget_reset_at": None,
    "budget_id": None,
    "max_parallel_requests": None,
    "tpm_limit": None,
    "rpm_limit": None,
    "aliases": {},
    "config": {},
    "permissions": {},
    "model_max_budget": {},
    "model_spend": {},
    "allowed_cache_controls": [],
    "allowed_routes": [],
    "guardrails": None,
    "litellm_budget_table": None,
}
"""What LiteLLM's answers hold and Tollway has no value for; typed clients count on their presence."""


def token_shape(record: KeyRecord, spend: int | None = None) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_VerificationToken`; `spend` in nano-dollars, left out where it is not known."""
    shape = {
        "token": record.hash,
        "key_name": record.key_name,
        "key_alias": record.key_alias or None,
        **_WITHOUT_A_VALUE,
        "expires": shown(record.expires),
        "models": list(record.models),
        "user_id": record.user_id or None,
        "team_id": record.team_id or None,
        "organization_id": record.organization_id or None,
        "org_id": record.organization_id or None,
        "metadata": record.metadata,
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


def generated_shape(record: KeyRecord, key: str, wanted: NewKey) -> dict[str, Any]:
    """Return LiteLLM's `GenerateKeyResponse`: the one answer that holds the key."""
    return {**token_shape(record, 0), "key": key, "token_id": record.hash, "duration": wanted.duration or None}
