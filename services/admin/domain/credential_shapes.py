"""Credentials as LiteLLM's clients read them: never with a secret."""

from typing import Any

from services.admin.domain.masking import MASK
from services.admin.domain.times import shown
from shared.store.credentials import CredentialRecord
from shared.store.models import ModelRecord


def credential_shape(record: CredentialRecord) -> dict[str, Any]:
    """Return LiteLLM's `CredentialView`."""
    return {
        "credential_name": record.id,
        "display_name": record.display_name or None,
        "credential_info": record.info,
        "credential_values": record.shown,
        "source": "db",
        "created_at": shown(record.created_at),
        "created_by": record.created_by or None,
        "updated_at": shown(record.updated_at or record.created_at),
        "updated_by": record.updated_by or record.created_by or None,
    }


def deployment_credential_shape(model: ModelRecord, shared: CredentialRecord | None) -> dict[str, Any]:
    """Return what a deployment calls with: its own credential, or the one that it names."""
    if shared is not None and not model.api_key_sealed:
        return credential_shape(shared)
    values = {"api_key": MASK if model.api_key_sealed else "", "api_base": model.api_base}
    return {
        "credential_name": f"{model.model_name}-credential-{model.id}",
        "display_name": None,
        "credential_info": {},
        "credential_values": {name: value for name, value in values.items() if value},
        "source": "db",
    }
