"""Calls a provider over a pool of connections of its own, under the five clocks."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import ClientTimeout, hdrs
from multidict import CIMultiDict
from yarl import URL

from services.passthrough.clock import Clock
from services.passthrough.domain.targets import Target
from services.passthrough.outgoing import Outgoing
from shared.errors import BrokenStream, ProviderError, ProviderTimeout, ProviderUnreachable
from shared.http.resolver import GuardedResolver
from shared.wire.headers import Headers

KEEP_ALIVE_SECONDS = 4.0
"""Idle connections are closed before common servers (uvicorn, Node: 5 s) do it, which avoids most of the races."""

READ_BYTES = 256 * 1024
MAX_HEADER = 64 * 1024
"""Bytes of one header line of an answer."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NOT_ADDED = (hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE)
"""Headers that the HTTP client would add; the caller's request goes on without them."""


class Provider:
    """One target's connections."""

    def __init__(self, target: Target) -> None:
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, resolver=GuardedResolver(), ttl_dns_cache=30
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NOT_ADDED,
            timeout=ClientTimeout(total=None, connect=target.timeouts.connect, sock_connect=target.timeouts.connect),
            read_bufsize=READ_BYTES,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            raise_for_status=False,
        )
        # The client would send PUT and DELETE a second time by itself.
        self._session._retry_connection = False
        self._target = target

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def open(self, method: str, url: str, headers: Headers, body: Outgoing) -> aiohttp.ClientResponse:
        """Send a request and return its answer as soon as its headers are here.

        A connection that the provider closed meanwhile is replaced once, where the request asks for nothing to
        be done and has no body: any other may have been acted upon. Raises `ProviderTimeout`, `ProviderError`,
        or what kept the body from arriving.
        """
        try:
            return await self._send(method, url, headers, body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            connected = not isinstance(error, aiohttp.ClientConnectorError)
            if connected and method in _SAFE_METHODS and not body.arriving and not body.size:
                return await self._once_more(method, url, headers, body)
            raise self._failure(error, body) from None
        except aiohttp.ClientError as error:
            raise self._failure(error, body) from None

    async def _once_more(self, method: str, url: str, headers: Headers, body: Outgoing) -> aiohttp.ClientResponse:
        try:
            return await self._send(method, url, headers, body)
        except aiohttp.ClientError as error:
            raise self._failure(error, body) from None

    async def _send(self, method: str, url: str, headers: Headers, body: Outgoing) -> aiohttp.ClientResponse:
        seconds = self._target.timeouts.first_byte
        try:
            async with Clock(seconds) as clock:
                return await self._session.request(
                    method,
                    URL(url, encoded=True),
                    headers=CIMultiDict(headers),
                    data=body.opened(clock),
                    allow_redirects=False,
                )
        except aiohttp.ConnectionTimeoutError:
            limit = self._target.timeouts.connect
            raise ProviderUnreachable(f"the provider accepted no connection within {limit:g} s", status=504) from None
        except TimeoutError:
            raise ProviderTimeout(f"the provider sent nothing for {seconds:g} s") from None

    def _failure(self, error: aiohttp.ClientError, body: Outgoing) -> Exception:
        if body.failure is not None:
            return body.failure
        if isinstance(error, aiohttp.ClientConnectorError):
            return ProviderUnreachable("the provider cannot be reached")
        if isinstance(error, aiohttp.ClientResponseError):
            return ProviderError("the provider's answer is not HTTP that can be read")
        return ProviderError("the provider closed the connection before it answered")


async def pieces(response: aiohttp.ClientResponse, target: Target) -> AsyncIterator[bytes]:
    """Yield an answer's body as it comes; raise `ProviderTimeout` after silence, `BrokenStream` when it is cut."""
    content = response.content
    seconds = target.timeouts.first_token
    while not content.at_eof():
        try:
            data = content.read_nowait() or await _next(response, seconds)
        except aiohttp.ClientError:
            raise BrokenStream("the provider's answer was cut before its end") from None
        if data:
            yield data
        seconds = target.timeouts.between_tokens
    if content.exception() is not None:
        raise BrokenStream("the provider's answer was cut before its end")


async def _next(response: aiohttp.ClientResponse, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await response.content.readany()
    except TimeoutError:
        raise ProviderTimeout(f"the provider sent nothing for {seconds:g} s") from None
