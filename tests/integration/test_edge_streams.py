"""How a stream ends at the edge when whoever answers it fails in the middle."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from benchmarks.wire import Dechunker
from services.edge import server
from shared.bus.stage import Call, Stage
from shared.errors import ProviderError
from shared.schemas.frames import Ending, Opening
from tests.support.nats_server import NatsServer
from tests.support.passthrough import KEY, Gateway, gateway, worker_on

CHAT = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
EVENTS = Opening(200, (("content-type", "text/event-stream"),))


@asynccontextmanager
async def answering(
    nats_server: NatsServer, folder: Path, answer: Callable[[Call], Coroutine[None, None, None]]
) -> AsyncIterator[Gateway]:
    """Run an edge whose next stage but one answers so."""
    async with (
        gateway(nats_server, folder, "http://127.0.0.1:9") as running,
        worker_on(nats_server.url, "guardrails") as worker,
    ):
        stage = Stage(worker, answer, max_in_hand=10)
        await stage.start()
        await worker.bus.barrier()
        worker.ready()
        await running.knows_of("guardrails")
        yield running


def failing_after(nats_server: NatsServer, folder: Path, data: bytes) -> AbstractAsyncContextManager[Gateway]:
    """Run an edge whose next stage but one sends these bytes of a stream and fails."""

    async def answer(call: Call) -> None:
        call.lane.open(EVENTS)
        await call.lane.send(data)
        raise ProviderError("the provider failed")

    return answering(nats_server, folder, answer)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("reads", ["at once", "late"])
async def test_every_piece_arrives_in_order(nats_server: NatsServer, tmp_path: Path, version: str, reads: str) -> None:
    """Small and large pieces, to a client that reads as they come, and to one that lets the producer wait."""
    pieces = [b"data: %d %s\n\n" % (number, b"x" * (number % 97 * 700)) for number in range(400)]
    sent = asyncio.Event()

    async def answer(call: Call) -> None:
        call.lane.open(EVENTS)
        for number, piece in enumerate(pieces):
            await call.lane.send(piece)
            await asyncio.sleep(0)
            if number == 40:
                sent.set()
        await call.lane.end(Ending())

    async with answering(nats_server, tmp_path, answer) as running:
        address = URL(running.url)
        reader, writer = await asyncio.open_connection(address.host, address.port, limit=1024)
        body = json.dumps(CHAT)
        writer.write(
            f"POST /v1/chat/completions HTTP/{version}\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        async with asyncio.timeout(30):
            if reads == "late":
                await sent.wait()
            answered = await reader.read()
        writer.close()
    head, _, rest = answered.partition(b"\r\n\r\n")
    assert (b"chunked" in head) == (version == "1.1")
    if version == "1.1":
        dechunker = Dechunker()
        rest = dechunker.feed(rest)
        assert dechunker.done
    assert rest == b"".join(pieces)


@pytest.mark.parametrize("data", [b"", b'data: {"a": 1}\n\n', b'data: {"a": 1}\r\n\r\n'])
async def test_between_two_events_an_error_event_ends_the_stream(
    nats_server: NatsServer, tmp_path: Path, data: bytes
) -> None:
    """It is an event of its own, which clients raise as an error."""
    async with failing_after(nats_server, tmp_path, data) as running, aiohttp.ClientSession(running.url) as http:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with http.post("/v1/chat/completions", json=CHAT, headers=headers) as answer:
            body = await answer.read()
    assert body.startswith(data + b'data: {"error":')


async def test_in_the_middle_of_an_event_the_connection_is_cut(nats_server: NatsServer, tmp_path: Path) -> None:
    """An error event would be glued to half of another one; so the stream must not look as if it had ended."""
    async with (
        failing_after(nats_server, tmp_path, b'data: {"a": 1}\n\ndata: {"b"') as running,
        aiohttp.ClientSession(running.url) as http,
    ):
        headers = {"Authorization": f"Bearer {KEY}"}
        async with http.post("/v1/chat/completions", json=CHAT, headers=headers) as answer:
            with pytest.raises(aiohttp.ClientError):
                await answer.read()


async def test_a_connection_that_never_asks_is_closed(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a head holds a connection for a while, not for ever."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    async with gateway(nats_server, tmp_path, "http://127.0.0.1:9") as running:
        address = URL(running.url)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET /health/liveliness HT")
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
