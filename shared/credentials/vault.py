"""Reads secrets of HashiCorp Vault's key-value store, version 2, over its HTTP API.

The address comes from the configuration file alone. Redirects are not followed, since the token would go with them.
"""

from collections.abc import Mapping

import aiohttp
import msgspec

from shared.settings.credentials import VaultSettings

SECONDS = 5.0
"""How long one answer may take."""

MOST_BYTES = 1024 * 1024


class VaultSilent(Exception):
    """Vault did not answer, or has no such secret for us; the message says which."""


class _Inner(msgspec.Struct):
    data: dict[str, object] | None = None


class _Secret(msgspec.Struct):
    """The part of an answer that is read: `{"data": {"data": {field: value}}}`."""

    data: _Inner


class Vault:
    """One server."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End the connections."""
        if self._session is not None:
            await self._session.close()

    async def read(self, path: str) -> Mapping[str, str]:
        """Return the text fields of a secret's current version; raise `VaultSilent`."""
        url = f"{self._settings.address}/v1/{self._settings.mount}/data/{path}"
        try:
            async with self._connected().get(url, headers=self._headers(), allow_redirects=False) as answer:
                if answer.status != 200:
                    raise VaultSilent(f"Vault answered with status {answer.status}")
                body = await _body(answer.content)
        except (aiohttp.ClientError, OSError) as error:
            raise VaultSilent(f"Vault cannot be reached ({type(error).__name__})") from None
        try:
            fields = msgspec.json.decode(body, type=_Secret).data.data or {}
        except msgspec.MsgspecError:
            raise VaultSilent("Vault's answer cannot be read") from None
        return {name: value for name, value in fields.items() if isinstance(value, str)}

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS))
        return self._session

    def _headers(self) -> dict[str, str]:
        token, namespace = self._settings.token, self._settings.namespace
        headers = {"X-Vault-Request": "true"}
        if token is not None:
            headers["X-Vault-Token"] = token.get_secret_value()
        return headers | ({"X-Vault-Namespace": namespace} if namespace else {})


async def _body(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for piece in content.iter_chunked(MOST_BYTES):
        body += piece
        if len(body) > MOST_BYTES:
            raise VaultSilent("Vault's answer is too long")
    return bytes(body)
