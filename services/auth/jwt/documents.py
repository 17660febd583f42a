"""Fetches small JSON documents from addresses that the operator chose, or a provider that the operator chose."""

import aiohttp

from shared.errors import Unavailable
from shared.http.resolver import GuardedResolver

FETCH_SECONDS = 4.0
"""For one document, from the first look-up of its host to its last byte."""

MAX_BYTES = 256 * 1024
"""Many times what a provider's metadata or keys have."""


class Documents:
    """A small HTTP client: no redirects, no cookies, no proxy of the environment, nothing large."""

    def __init__(self, seconds: float = FETCH_SECONDS) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=GuardedResolver(), limit=8),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=seconds),
            headers={"Accept": "application/json"},
        )

    async def fetch(self, url: str) -> bytes:
        """Return a document; raise `Unavailable` that says what went wrong."""
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise Unavailable(f"it answered with status {response.status}")
                found = bytearray()
                async for piece in response.content.iter_any():
                    found += piece
                    if len(found) > MAX_BYTES:
                        raise Unavailable(f"its answer is larger than {MAX_BYTES} bytes")
                return bytes(found)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"it cannot be reached ({type(error).__name__})") from None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
