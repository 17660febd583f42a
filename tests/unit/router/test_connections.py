"""Connections to providers, against servers that speak the bare wire."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientError, ClientPayloadError
from yarl import URL

from services.router.connections import Answer, Departure, Pool, header_lines
from services.router.upstream import read_whole
from shared.errors import InvalidRequest, ProviderUnreachable
from shared.http.resolver import GuardedResolver
from tollway.demo_provider import unreachable

Eventually = Callable[..., Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LARGE = bytes(range(256)) * 40_000


class Wire:
    """A server that says what a test gives it, and keeps what it was sent."""

    def __init__(self, *answers: bytes, hang_up: bool = False, stale_after: int | None = None) -> None:
        self.answers = list(answers)
        self.hang_up = hang_up
        self.stale_after = stale_after
        """How many requests a connection has answered when it reads one more and ends without a word."""
        self.connections = 0
        self.open = 0
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests in turn, on however many connections they come."""
        self.connections += 1
        self.open += 1
        answered = 0
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                if answered == self.stale_after:
                    return
                writer.write(self.answers.pop(0))
                answered += 1
                if self.hang_up:
                    return
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def pool_before(wire: Wire, headers: dict[str, str] | None = None, keep: float = 15.0) -> AsyncIterator[Pool]:
    """Yield a pool of connections to the server."""
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = pool_at(f"http://127.0.0.1:{port}/v1", headers, keep=keep)
    try:
        yield pool
    finally:
        await pool.close()
        server.close()


def pool_at(url: str, headers: dict[str, str] | None = None, connect: float = 2, keep: float = 15.0) -> Pool:
    """Return a pool of connections to an address."""
    return Pool(URL(url), headers or {}, GuardedResolver(), connect_seconds=connect, keep_alive_seconds=keep)


async def ask(pool: Pool, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Answer:
    """Post a body."""
    async with asyncio.timeout(60):
        return await pool.post("/v1/chat?x=1", headers or {}, body)


async def read(answer: Answer) -> bytes:
    """Read an answer to its end and give its connection back."""
    body = await read_whole(answer)
    answer.release()
    return body


async def test_a_request_arrives_as_it_is_meant() -> None:
    """The head has the host, the pool's headers and the length; a call's own header replaces the pool's."""
    wire = Wire(OK, OK)
    async with pool_before(wire, {"x-version": "1", "authorization": "Bearer k"}) as pool:
        await read(await ask(pool, b'{"a":1}'))
        await read(await ask(pool, b"", {"X-Version": "2"}))
    first, second = wire.requests
    assert first.startswith(b"POST /v1/chat?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert first.endswith(b'x-version: 1\r\nauthorization: Bearer k\r\nContent-Length: 7\r\n\r\n{"a":1}')
    assert second.lower().count(b"x-version") == 1
    assert b"X-Version: 2\r\n" in second


async def test_a_connection_is_used_again_once_its_answer_was_read() -> None:
    """Requests one after the other share a connection; a large body and an empty one go through alike."""
    wire = Wire(*[OK] * 4)
    async with pool_before(wire) as pool:
        for body in (b"{}", b"x" * 1_000_000, b"", b"{}"):
            assert await read(await ask(pool, body)) == b"hi"
        assert len(pool) == 1
    assert wire.connections == 1
    assert [len(request.split(b"\r\n\r\n", 1)[1]) for request in wire.requests] == [2, 1_000_000, 0, 2]


@pytest.mark.parametrize(("size", "complete"), [(10, True), (50_000_000, False)])
async def test_a_call_that_ends_early_says_whether_its_request_left(size: int, complete: bool) -> None:
    """All of a short one is with the network at once; of a large one something is still here."""
    read, over, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def take_no_more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        read.set()
        await over.wait()
        writer.transport.abort()
        gone.set()

    server = await asyncio.start_server(take_no_more, "127.0.0.1", 0)
    pool = pool_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    departure = Departure()
    try:
        asking = asyncio.ensure_future(pool.post("/v1/chat", {}, bytes(size), departure))
        await asyncio.wait_for(read.wait(), 5)
        assert not departure.complete
        asking.cancel()
        await asyncio.wait([asking])
        assert departure.complete == complete
    finally:
        over.set()
        await asyncio.wait_for(gone.wait(), 5)
        await pool.close()
        server.close()


async def test_a_request_that_found_nobody_did_not_leave() -> None:
    """Nothing is sent before there is a connection."""
    departure = Departure()
    with pytest.raises(ProviderUnreachable):
        await pool_at("http://127.0.0.1:9").post("/v1/chat", {}, b"{}", departure)
    assert not departure.complete


async def test_an_answer_that_was_not_read_to_its_end_costs_its_connection(
    eventually: Eventually,
) -> None:
    """Closing an answer, or giving it back too early, ends its connection, so the provider hears of it."""
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    wire = Wire(half, half)
    async with pool_before(wire) as pool:
        (await ask(pool)).close()
        (await ask(pool)).release()
        assert len(pool) == 0
        await eventually(lambda: wire.open == 0)


async def test_a_connection_that_the_provider_closes_is_not_used_again() -> None:
    """`Connection: close`, and a close while idle, each lead to a new connection."""
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
    wire = Wire(last, OK)
    async with pool_before(wire) as pool:
        await read(await ask(pool))
        await read(await ask(pool))
    assert wire.connections == 2


async def test_a_connection_that_ended_while_idle_is_not_written_to(eventually: Eventually) -> None:
    """Its end was seen before the request was written, so the request goes out once, on a new connection."""
    wire = Wire(OK, OK, hang_up=True)
    async with pool_before(wire) as pool:
        await read(await ask(pool))
        await eventually(lambda: not any(connection.is_connected() for connection, _ in pool._idle))
        await read(await ask(pool))
    assert (wire.connections, len(wire.requests)) == (2, 2)


async def test_a_request_that_met_the_end_of_its_connection_is_not_repeated_here() -> None:
    """The provider may have acted upon it; whoever asks again gets a new connection, not another idle one."""
    wire = Wire(*[OK] * 4, stale_after=1)
    async with pool_before(wire) as pool:
        for answer in [await ask(pool) for _ in range(3)]:
            await read(answer)
        assert (wire.connections, len(pool)) == (3, 3)
        with pytest.raises((ClientError, OSError)):
            await ask(pool)
        assert (len(wire.requests), len(pool)) == (4, 0)
        assert await read(await ask(pool)) == b"hi"
    assert wire.connections == 4


async def test_a_connection_that_idled_for_too_long_is_given_up() -> None:
    """Past the keep-alive time a new connection is made."""
    wire = Wire(OK, OK)
    async with pool_before(wire, keep=0) as pool:
        await read(await ask(pool))
        await read(await ask(pool))
    assert wire.connections == 2


async def test_interim_answers_are_skipped() -> None:
    """100 and 103 come before the answer and are not it."""
    wire = Wire(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK)
    async with pool_before(wire) as pool:
        answer = await ask(pool)
        assert (answer.status, await read(answer)) == (200, b"hi")


async def test_headers_and_chunked_bodies_are_read() -> None:
    """Names of headers are found in any case; chunks come out whole, and the connection is kept."""
    chunked = (
        b"HTTP/1.1 429 Slow\r\nRETRY-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    wire = Wire(chunked, OK)
    async with pool_before(wire) as pool:
        answer = await ask(pool)
        assert (answer.status, answer.headers.get("retry-after")) == (429, "7")
        assert await read(answer) == b"abcde"
        await read(await ask(pool))
    assert wire.connections == 1


@pytest.mark.parametrize("broken", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"nonsense\r\n\r\n"])
async def test_a_connection_that_ends_before_the_head_is_an_error(broken: bytes) -> None:
    """No answer, half a head and bytes that are no HTTP each fail at once, and leave nothing behind."""
    async with pool_before(Wire(broken, hang_up=True)) as pool:
        with pytest.raises((ClientError, OSError)):
            await ask(pool)
        assert len(pool) == 0


async def test_a_body_that_ends_early_is_an_error() -> None:
    """A length that is not reached is never taken for an end."""
    async with pool_before(Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", hang_up=True)) as pool:
        answer = await ask(pool)
        with pytest.raises(ClientPayloadError):
            while await answer.content.readany():
                pass


async def test_a_caller_that_leaves_ends_the_connection(eventually: Eventually) -> None:
    """Cancelled before the head, the call closes its connection."""
    wire = Wire(b"")
    async with pool_before(wire) as pool:
        task = asyncio.create_task(ask(pool))
        await eventually(lambda: len(wire.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: wire.open == 0)
        assert len(pool) == 0


async def test_no_connection_is_told_apart() -> None:
    """A refused connection and one that never comes about say so, each with its status."""
    for nowhere in ("http://127.0.0.1:1", "http://[::1]:1", "http://no-such-host.invalid"):
        with pytest.raises(ProviderUnreachable):
            await ask(pool_at(nowhere))
    with unreachable() as url:
        with pytest.raises(ProviderUnreachable) as raised:
            await ask(pool_at(url, connect=0.1))
    assert raised.value.to_body().status == 504


async def test_names_are_looked_up() -> None:
    """A name leads to its address, and stands in the request's head as the name it is."""
    wire = Wire(OK)
    async with pool_before(wire) as pool:
        named = pool_at(f"http://localhost:{pool._port}")
        assert await read(await ask(named)) == b"hi"
        await named.close()
    assert b"\r\nHost: localhost:" in wire.requests[0]


def test_a_header_cannot_start_another() -> None:
    """Line breaks in a value are refused."""
    with pytest.raises(InvalidRequest):
        header_lines({"x": "1\r\ny: 2"})


async def test_a_large_body_arrives_whole() -> None:
    """It is written in pieces, and the connection is as good as before."""
    wire = Wire(OK, OK)
    async with pool_before(wire) as pool:
        await read(await ask(pool, LARGE))
        await read(await ask(pool, LARGE))
    assert [request.partition(b"\r\n\r\n")[2] for request in wire.requests] == [LARGE, LARGE]
    assert wire.connections == 1


async def test_an_answer_before_the_end_of_the_request_is_read() -> None:
    """A provider that refuses a body need not read it; its connection is not used again."""
    ended, left = asyncio.Event(), asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await ended.wait()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    pool = pool_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    try:
        answer = await ask(pool, LARGE * 4)
        assert await read(answer) == b"hi"
        assert len(pool) == 0
    finally:
        ended.set()
        await pool.close()
        server.close()
        async with asyncio.timeout(60):
            await left.wait()
