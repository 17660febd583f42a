"""Keep-alive connections to one provider, with the least that a call over one can cost.

aiohttp's client spends more than half of a bare proxy's CPU above its own parser (`docs/performance.md`). This
keeps aiohttp's parser and its stream of the body, with their limits and back pressure, and does without the rest.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from typing import cast

import aiohappyeyeballs
from aiohappyeyeballs import AddrInfoType
from aiohttp import ClientError, ClientPayloadError, StreamReader
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from shared.errors import InvalidRequest, ProviderUnreachable

READ_BYTES = 64 * 1024
"""What may wait unread of a body before the provider is slowed down."""

MAX_HEADER = 32 * 1024
"""Bytes of one header line of an answer."""

JOINED_BYTES = 64 * 1024
"""A body up to this size is written in one piece with its head; a larger one is not copied."""

WRITTEN_BYTES = 128 * 1024
"""Bytes of a larger body that are written at a time: the kernel takes megabytes at once, which holds the loop."""

NEXT_ADDRESS_SECONDS = 0.25
"""How long one address of a host is tried alone before the next one is tried beside it (RFC 8305)."""


class Answer:
    """A provider's answer: its head, and its body as it comes."""

    __slots__ = ("_connection", "_pool", "_writing", "content", "headers", "status")

    def __init__(
        self,
        pool: "Pool",
        connection: ResponseHandler,
        status: int,
        headers: CIMultiDictProxy[str],
        content: StreamReader,
        writing: "asyncio.Task[None] | None" = None,
    ) -> None:
        self._pool = pool
        self._connection: ResponseHandler | None = connection
        self._writing = writing
        self.status = status
        self.headers = headers
        self.content = content

    def release(self) -> None:
        """Give the connection back; it is used again if request and answer both came to their ends."""
        if _stopped(self._writing):
            self.close()
            return
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.put_back(connection)

    def close(self) -> None:
        """End the connection, which tells the provider to stop."""
        _stopped(self._writing)
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.drop(connection)


class Departure:
    """How a request left: whether all of it was handed to the network when its call ended."""

    __slots__ = ("complete",)

    def __init__(self) -> None:
        self.complete = False


class Pool:
    """The connections to one origin. `headers` go with every request."""

    def __init__(
        self,
        base: URL,
        headers: Mapping[str, str],
        resolver: AbstractResolver,
        *,
        connect_seconds: float,
        keep_alive_seconds: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._host = base.host or ""
        self._port = base.port or 443
        self._tls = _tls() if base.scheme == "https" else None
        self._headers = CIMultiDict({"Host": base.host_port_subcomponent or "", **headers})
        self._resolver = resolver
        self._connect_seconds = connect_seconds
        self._keep_alive_seconds = keep_alive_seconds
        self._idle: deque[tuple[ResponseHandler, float]] = deque()
        self._busy: set[ResponseHandler] = set()
        self._heads: dict[str, bytes] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    async def post(
        self, target: str, headers: Mapping[str, str], body: bytes, departure: Departure | None = None
    ) -> Answer:
        """Send a request and return its answer once the head is there; `target` is path and query, encoded.

        Where there is no answer, `departure` is told whether all of the request was sent. `headers` replace the
        pool's own of the same name. Raises `ProviderUnreachable` when there is no connection,
        `aiohttp.ClientError` or `OSError` when it ends before the head. Such a request is not written a second time
        here: the provider may have acted upon it (RFC 9112, section 9.3.1).
        """
        head = self._head(target, headers)
        idle = self._take()
        connection = idle if idle is not None else await self._connect()
        self._busy.add(connection)
        writing = None
        try:
            connection.set_response_params(
                read_until_eof=True, read_bufsize=READ_BYTES, max_line_size=MAX_HEADER, max_field_size=MAX_HEADER
            )
            writing = _write(connection, b"%bContent-Length: %d\r\n\r\n" % (head, len(body)), body)
            while True:
                message, content = await connection.read()
                if message.code >= 200:
                    return Answer(self, connection, message.code, message.headers, content, writing)
        except HttpProcessingError as error:
            _stopped(writing)
            self.drop(connection)
            raise ClientPayloadError("what came is not an HTTP answer") from error
        except BaseException as error:
            unwritten = _stopped(writing)
            if departure is not None:
                departure.complete = not unwritten and _is_written(connection)
            self.drop(connection)
            if idle is not None and isinstance(error, ClientError | OSError):
                # Whatever ended it has likely ended those that idled beside it: the next attempt gets a new one.
                self._end_idle()
            raise

    def put_back(self, connection: ResponseHandler) -> None:
        """Keep a connection whose answer was read to its end; end any other."""
        if self._closed or connection.should_close or not connection.is_connected():
            self.drop(connection)
            return
        self._busy.discard(connection)
        self._idle.append((connection, self._loop.time()))

    def drop(self, connection: ResponseHandler) -> None:
        """End a connection."""
        self._busy.discard(connection)
        connection.close()

    def retire(self) -> None:
        """End the connections that are not in use, and those in use when their answers have ended."""
        self._closed = True
        self._end_idle()

    async def close(self) -> None:
        """End all connections, also those in use."""
        self.retire()
        for connection in list(self._busy):
            self.drop(connection)
        await self._resolver.close()

    def _head(self, target: str, headers: Mapping[str, str]) -> bytes:
        head = None if headers else self._heads.get(target)
        if head is None:
            own = self._headers.copy()
            own.update(headers)
            head = f"POST {target} HTTP/1.1\r\n".encode() + header_lines(own)
            if not headers:
                self._heads[target] = head
        return head

    def _take(self) -> ResponseHandler | None:
        """Return the connection that was used last, if it is still good; those that idled for too long are ended."""
        oldest = self._loop.time() - self._keep_alive_seconds
        while self._idle and self._idle[0][1] < oldest:
            self._idle.popleft()[0].close()
        while self._idle:
            connection, _ = self._idle.pop()
            if connection.is_connected() and not connection.should_close:
                return connection
            connection.close()
        return None

    def _end_idle(self) -> None:
        while self._idle:
            self._idle.popleft()[0].close()

    async def _connect(self) -> ResponseHandler:
        try:
            async with asyncio.timeout(self._connect_seconds):
                found = await aiohappyeyeballs.start_connection(
                    await self._addresses(), happy_eyeballs_delay=NEXT_ADDRESS_SECONDS
                )
                _, connection = await self._loop.create_connection(
                    lambda: ResponseHandler(self._loop),
                    sock=found,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                )
                return connection
        except TimeoutError:
            raise ProviderUnreachable(
                f"the provider accepted no connection within {self._connect_seconds:g} s", status=504
            ) from None
        except OSError as error:
            unreachable = ProviderUnreachable("the provider cannot be reached")
            unreachable.reason = error.strerror or type(error).__name__
            raise unreachable from None

    async def _addresses(self) -> list[AddrInfoType]:
        """Return where the host may be called: the address that it is, or what its name leads to."""
        try:
            hosts = [str(ipaddress.ip_address(self._host))]
        except ValueError:
            resolved = await self._resolver.resolve(self._host, self._port, socket.AF_UNSPEC)
            hosts = [result["host"] for result in resolved]
        return [_address(host, self._port) for host in hosts]


def _address(host: str, port: int) -> AddrInfoType:
    if ":" in host:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Return headers as they stand in a request; raise `InvalidRequest` for one that holds a line break."""
    for name, value in headers.items():
        if not _LINE_BREAKS.isdisjoint(value):
            raise InvalidRequest(f"The header '{name}' holds a line break.")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


_LINE_BREAKS = frozenset("\r\n\0")


def _write(connection: ResponseHandler, head: bytes, body: bytes) -> "asyncio.Task[None] | None":
    """Write a request; one that is large by a task, since a provider may answer before it has read all of it."""
    transport = cast(asyncio.Transport, connection.transport)
    if len(body) <= JOINED_BYTES:
        transport.write(head + body)
        return None
    transport.write(head)
    return asyncio.ensure_future(_write_in_pieces(connection, body))


async def _write_in_pieces(connection: ResponseHandler, body: bytes) -> None:
    """Write as fast as the provider reads; whoever reads the answer learns of a connection that was lost."""
    rest = memoryview(body)
    with contextlib.suppress(ConnectionError):
        while rest:
            await connection._drain_helper()
            if connection.transport is None:
                return
            connection.transport.write(rest[:WRITTEN_BYTES])
            rest = rest[WRITTEN_BYTES:]
            # A provider that reads faster than this is never waited for.
            await asyncio.sleep(0)


def _stopped(writing: "asyncio.Task[None] | None") -> bool:
    """Stop writing a request, and tell whether there was something left to be written."""
    return writing is not None and writing.cancel()


def _is_written(connection: ResponseHandler) -> bool:
    transport = connection.transport
    return transport is not None and not transport.is_closing() and not transport.get_write_buffer_size()


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
