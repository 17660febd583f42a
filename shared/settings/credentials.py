"""The sections about credentials of providers that stand elsewhere."""

from pathlib import Path

from pydantic import Field, SecretStr

from shared.settings.checks import TargetUrl
from shared.settings.section import Section
from shared.settings.words import Mount


class VaultSettings(Section):
    """A HashiCorp Vault whose key-value store (version 2) holds credentials."""

    address: TargetUrl
    """Where it is."""
    token: SecretStr | None = None
    """The token for it; write it as `${VAULT_TOKEN}`."""
    mount: Mount = "secret"
    """Where the store is mounted."""
    namespace: str = ""
    """The namespace, where Vault has several."""


class CredentialSettings(Section):
    """Which credentials of providers may be named instead of written: `os.environ/…`, `file/…`, `vault/…`."""

    environment: tuple[str, ...] = ("*_API_KEY",)
    """Variables of the environment that may be named; `*` stands for anything. Tollway's own never may."""
    folder: Path | None = None
    """Files in this folder may be named."""
    vault: VaultSettings | None = None
    """Secrets in this Vault may be named."""
    refresh_seconds: float = Field(300.0, gt=0)
    """So long does a credential that was read elsewhere count before it is read again."""
