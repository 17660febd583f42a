"""Credentials of providers by name, which deployments refer to: sealed, and never shown."""

from typing import Any

import msgspec

from shared.security.sealing import EncryptionKeys, seal, unseal
from shared.store.connection import Store
from shared.store.objects import Objects

MOST = 10_000
"""Credentials that are known; an operator has one for each account at a provider."""

_CONTEXT = "credential"


class CredentialRecord(msgspec.Struct, frozen=True):
    """A credential as it is stored; times are Unix seconds."""

    id: str
    """Its name."""
    created_at: float
    display_name: str = ""
    info: dict[str, Any] = {}
    """What operators say about it, such as `custom_llm_provider`; never a secret."""
    sealed: dict[str, str] = {}
    """Values by LiteLLM's names (`api_key`, `api_base`), each sealed for this credential and name alone."""
    shown: dict[str, str] = {}
    """The same values as they may be shown: references and addresses as they are, secrets masked."""
    created_by: str = ""
    updated_at: float = 0.0
    updated_by: str = ""

    def opened(self, keys: EncryptionKeys) -> dict[str, str]:
        """Return the values in clear; raise `SealBroken`."""
        return {name: unseal(value, keys, context_of(self.id, name)) for name, value in self.sealed.items()}


def sealed_values(id: str, values: dict[str, str], key: bytes) -> dict[str, str]:
    """Return values as a record of that name holds them."""
    return {name: seal(value, key, context_of(id, name)) for name, value in values.items()}


def context_of(id: str, name: str) -> str:
    """Return what a credential's value is sealed for."""
    return f"{_CONTEXT}:{id}:{name}"


class Credentials(Objects[CredentialRecord]):
    """The collection of credentials."""

    def __init__(self, store: Store) -> None:
        super().__init__(
            store,
            "credentials",
            CredentialRecord,
            "credential",
            as_text=("info", "sealed", "shown"),
            param="credential_name",
        )

    async def by_name(self) -> dict[str, CredentialRecord]:
        """Return every credential."""
        return {record.id: record for record in await self.where({}, limit=MOST)}
