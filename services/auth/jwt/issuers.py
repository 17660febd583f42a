"""The issuers of the configuration, each with its way to its keys."""

from collections.abc import Sequence
from pathlib import Path

from joserfc.jwk import Key

from services.auth.domain.jwt_discovery import discovery_url, key_set_url
from services.auth.domain.jwt_signatures import Unverified, read_key_set, shared_secret
from services.auth.jwt.documents import Documents
from services.auth.jwt.key_source import KeySource
from services.auth.jwt.tokens import Trusted
from shared.errors import TollwayError, Unavailable
from shared.settings.jwt import JwtIssuer


class Issuers:
    """All trusted issuers, and what was opened for them."""

    def __init__(self, settings: Sequence[JwtIssuer]) -> None:
        secrets = {item.issuer: _secret(item, item.secret_file) for item in settings if item.secret_file is not None}
        self._documents = Documents()
        self._sources: list[KeySource] = []
        self.trusted = {item.issuer: self._trust(item, secrets.get(item.issuer)) for item in settings}

    @property
    def fetched(self) -> int:
        """How many times keys were fetched."""
        return sum(source.fetched for source in self._sources)

    @property
    def failed(self) -> int:
        """How many times they could not be."""
        return sum(source.failed for source in self._sources)

    async def close(self) -> None:
        """Stop fetching."""
        for source in self._sources:
            await source.close()
        await self._documents.close()

    def _trust(self, issuer: JwtIssuer, secret: Key | None) -> Trusted:
        if secret is not None:

            async def find(_: Unverified) -> Key:
                return secret

            return Trusted(issuer, find)

        async def fetch() -> Sequence[Key]:
            return await self._fetch(issuer)

        source = KeySource(issuer.issuer, fetch, cache_seconds=issuer.cache_seconds, keep_seconds=issuer.keep_seconds)
        self._sources.append(source)
        return Trusted(issuer, source.find)

    async def _fetch(self, issuer: JwtIssuer) -> Sequence[Key]:
        try:
            url = issuer.jwks_url
            if url is None:
                metadata = await self._documents.fetch(discovery_url(issuer.issuer))
                url = key_set_url(metadata, issuer.issuer)
            return read_key_set(await self._documents.fetch(url))
        except ValueError as error:
            raise Unavailable(str(error)) from None


def _secret(issuer: JwtIssuer, file: Path) -> Key:
    """Return the key of HS signatures; raise `TollwayError` that ends the process where there is none."""
    try:
        return shared_secret(file.read_bytes().strip())
    except (OSError, ValueError) as error:
        raise TollwayError(f"auth.jwt: the secret of '{issuer.issuer}' cannot be used: {error}") from None
