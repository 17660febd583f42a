"""The HTTP side of a provider call: one pool of connections for each deployment."""

import asyncio
from collections.abc import Iterable

import aiohttp

from services.router.target import Target
from services.router.translate import Ask
from shared.errors import BrokenStream, ProviderError, ProviderUnreachable
from shared.http.resolver import GuardedResolver

KEEP_ALIVE_SECONDS = 15.0
"""An idle connection is given up before most servers close it, so that few requests meet a closing one."""

ANSWER_LIMIT = 256 * 1024 * 1024
"""Bytes of the largest answer that is not streamed."""

ERROR_LIMIT = 64 * 1024
"""Bytes of an error's body that are read."""


class Upstream:
    """Opens calls to deployments."""

    def __init__(self) -> None:
        self._sessions: dict[str, tuple[Target, aiohttp.ClientSession]] = {}

    async def post(self, target: Target, ask: Ask, forwarded: dict[str, str]) -> aiohttp.ClientResponse:
        """Send the request and return the answer once its status is there.

        Raises `ProviderUnreachable` when the provider never saw the request, `ProviderError` when it left
        without an answer.
        """
        headers = target.headers
        if forwarded:
            headers = headers.copy()
            headers.update(forwarded)
        try:
            return await self._session(target).post(
                target.url(ask.path), data=ask.body, headers=headers, allow_redirects=False
            )
        except aiohttp.ConnectionTimeoutError:
            limit = target.deployment.timeouts.connect
            raise ProviderUnreachable(f"the provider accepted no connection within {limit:g} s", status=504) from None
        except (aiohttp.ClientConnectorError, aiohttp.ClientConnectorDNSError):
            raise ProviderUnreachable("the provider cannot be reached") from None
        except (aiohttp.ClientError, OSError):
            raise ProviderError(
                "the provider closed the connection before it answered", code="provider_disconnected"
            ) from None

    def keep(self, targets: Iterable[Target]) -> list[aiohttp.ClientSession]:
        """Forget the pools of deployments that are not among these; return them, to be closed."""
        kept = {target.id: target for target in targets}
        gone = [id for id, (target, _) in self._sessions.items() if kept.get(id) is not target]
        return [self._sessions.pop(id)[1] for id in gone]

    async def close(self) -> None:
        """Close all connections."""
        for session in self.keep(()):
            await session.close()

    def _session(self, target: Target) -> aiohttp.ClientSession:
        known = self._sessions.get(target.id)
        if known is not None and known[0] is target:
            return known[1]
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=60, resolver=GuardedResolver()
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=target.deployment.timeouts.connect),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._sessions[target.id] = (target, session)
        return session


async def read_whole(response: aiohttp.ClientResponse, limit: int = ANSWER_LIMIT) -> bytes:
    """Return the body of an answer; raise `BrokenStream` when it ended early or is larger than `limit` bytes."""
    body = bytearray()
    try:
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > limit:
                raise BrokenStream(f"the provider's answer is larger than {limit} bytes")
    except (aiohttp.ClientError, OSError, EOFError):
        raise BrokenStream("the provider's answer broke off before its end") from None
    return bytes(body)


async def read_error(response: aiohttp.ClientResponse) -> bytes:
    """Return the beginning of an error's body, or what came of it."""
    body = bytearray()
    try:
        async with asyncio.timeout(5):
            async for piece in response.content.iter_any():
                body += piece
                if len(body) >= ERROR_LIMIT:
                    break
    except (aiohttp.ClientError, OSError, EOFError, TimeoutError):
        pass
    return bytes(body[:ERROR_LIMIT])
