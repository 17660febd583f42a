"""Deployments as LiteLLM's clients read them: never with a credential."""

from typing import Any

from services.admin.domain.times import shown
from shared.settings import Deployment
from shared.store.models import ModelRecord


def stored_shape(record: ModelRecord, *, to_admin: bool) -> dict[str, Any]:
    """Return a stored deployment as `/model/info` shows it; who is no administrator sees no address."""
    params: dict[str, Any] = {"model": f"{record.provider}/{record.model}", "custom_llm_provider": record.provider}
    if to_admin:
        params |= record.litellm_params
        params |= {"api_base": record.api_base or None, "weight": record.weight}
        params |= {name: record.timeouts[clock] for name, clock in _TIMEOUTS if clock in record.timeouts}
        params |= {"rpm": record.rpm, "tpm": record.tpm, "litellm_credential_name": record.credential_name or None}
    params |= _numbers(record.prices)
    info = {
        **(record.model_info if to_admin else {}),
        **_numbers(record.prices),
        "id": record.id,
        "db_model": True,
        "blocked": record.blocked,
        "created_at": shown(record.created_at),
        "created_by": record.created_by or None,
        "updated_at": shown(record.updated_at or record.created_at),
        "updated_by": record.updated_by or record.created_by or None,
    }
    return {"model_name": record.model_name, "litellm_params": params, "model_info": info}


def row_shape(record: ModelRecord) -> dict[str, Any]:
    """Return the answer of a change: LiteLLM's stored row."""
    shape = stored_shape(record, to_admin=True)
    info = shape["model_info"]
    row = {name: info[name] for name in ("created_at", "created_by", "updated_at", "updated_by")}
    return {"model_id": record.id, **shape, **row, "blocked": record.blocked}


def configured_shape(name: str, deployment: Deployment, *, to_admin: bool) -> dict[str, Any]:
    """Return a deployment of the configuration file as `/model/info` shows it."""
    prices = {
        price: value for price, value in deployment.model_dump().items() if "_cost" in price and value is not None
    }
    params: dict[str, Any] = {
        "model": f"{deployment.provider}/{deployment.model}",
        "custom_llm_provider": deployment.provider,
        **prices,
    }
    if to_admin:
        params |= {"api_base": deployment.api_base, "weight": deployment.weight}
    return {
        "model_name": name,
        "litellm_params": params,
        "model_info": {**prices, "id": deployment.id, "db_model": False},
    }


_TIMEOUTS = (("timeout", "total"), ("stream_timeout", "first_token"))


def _numbers(prices: dict[str, str]) -> dict[str, float]:
    return {name: float(value) for name, value in prices.items()}
