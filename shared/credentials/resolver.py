"""Reads the credentials that references name, and remembers those of Vault for a while."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog
from pydantic import SecretStr

from shared.credentials.references import (
    BadReference,
    InEnvironment,
    InFile,
    InVault,
    check_permitted,
    read_reference,
)
from shared.credentials.vault import Vault, VaultSilent
from shared.settings import Deployment
from shared.settings.credentials import CredentialSettings

log = structlog.get_logger(__name__)

MOST_BYTES = 64 * 1024
"""No credential is as long."""

MOST_REMEMBERED = 1000


class Unresolved(Exception):
    """A reference leads to no credential right now; the message says why, and never holds one."""


class Resolver:
    """Follows references, as far as the configuration allows."""

    def __init__(self, settings: CredentialSettings, env: Mapping[str, str]) -> None:
        self._settings = settings
        self._env = env
        self._vault = Vault(settings.vault) if settings.vault is not None else None
        self._remembered: OrderedDict[str, tuple[float, Mapping[str, str]]] = OrderedDict()
        self.unresolved = 0
        """Deployments that the last `resolved` left out."""
        self.followed = 0
        """Deployments whose credential the last `resolved` read elsewhere."""

    async def close(self) -> None:
        """End the connections to Vault."""
        if self._vault is not None:
            await self._vault.close()

    async def resolved(self, deployments: Iterable[tuple[str, Deployment]]) -> list[tuple[str, Deployment]]:
        """Return (model group, deployment) pairs with their credentials.

        One whose reference leads nowhere is left out, and the log says why.
        """
        found: list[tuple[str, Deployment]] = []
        self.unresolved = self.followed = 0
        for name, deployment in deployments:
            try:
                found.append((name, await self._with_credential(deployment)))
            except Unresolved as error:
                self.unresolved += 1
                log.error("credentials.unresolved", deployment=deployment.id, reason=str(error))
        return found

    async def _with_credential(self, deployment: Deployment) -> Deployment:
        given = deployment.api_key.get_secret_value() if deployment.api_key is not None else ""
        value = await self.resolve(given)
        if value == given:
            return deployment
        self.followed += 1
        return deployment.model_copy(update={"api_key": SecretStr(value)})

    async def resolve(self, text: str) -> str:
        """Return the credential that a text refers to, or the text itself; raise `Unresolved`."""
        try:
            reference = read_reference(text)
            if reference is None:
                return text
            check_permitted(reference, self._settings)
        except BadReference as error:
            raise Unresolved(f"the credential {error}") from None
        if isinstance(reference, InEnvironment):
            return self._from_environment(reference)
        if isinstance(reference, InFile):
            return await asyncio.to_thread(self._from_file, reference)
        return await self._from_vault(reference)

    def _from_environment(self, reference: InEnvironment) -> str:
        value = self._env.get(reference.name, "")
        if not value:
            raise Unresolved(f"the environment has no variable {reference.name}")
        return value

    def _from_file(self, reference: InFile) -> str:
        folder = Path(self._settings.folder or ".").resolve()
        path = (folder / reference.path).resolve()
        # A link may lead on within the folder, as Kubernetes' do, and nowhere else.
        if not path.is_relative_to(folder):
            raise Unresolved(f"the file {reference.path} leads out of the folder")
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            value = content.decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it holds no text"
            raise Unresolved(f"the file {reference.path} cannot be read: {reason}") from None
        if not value or len(content) > MOST_BYTES:
            raise Unresolved(f"the file {reference.path} holds no credential")
        return value

    async def _from_vault(self, reference: InVault) -> str:
        fields = await self._secret(reference.path)
        value = fields.get(reference.field, "")
        if not value:
            raise Unresolved(f"the secret {reference.path} in Vault has no field {reference.field}")
        return value

    async def _secret(self, path: str) -> Mapping[str, str]:
        """Return a secret's fields: remembered ones while they are new, and older ones where Vault does not answer."""
        remembered = self._remembered.get(path)
        if remembered is not None and time.monotonic() - remembered[0] < self._settings.refresh_seconds:
            return remembered[1]
        assert self._vault is not None  # noqa: S101 - `check_permitted` refused the reference otherwise
        try:
            fields = await self._vault.read(path)
        except VaultSilent as error:
            if remembered is None:
                raise Unresolved(f"the secret {path} in Vault cannot be read: {error}") from None
            log.warning("credentials.vault_silent", secret=path, reason=str(error))
            return remembered[1]
        self._remembered[path] = (time.monotonic(), fields)
        self._remembered.move_to_end(path)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return fields
