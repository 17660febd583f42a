"""What the edge says in a stream whose provider is silent, so that load balancers keep it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from shared.bus.stage import Call, Stage
from shared.schemas.frames import Ending, Opening
from tests.support.nats_server import NatsServer
from tests.support.passthrough import KEY, PROVIDER_KEY, gateway, worker_on
from tollway.demo_provider import demo_provider

HEADERS = {"Authorization": f"Bearer {KEY}"}
PING_SECONDS = 0.1
FIRST, LAST = b'data: {"a": 1}\n\n', b'data: {"b": 2}\n\n'
PINGS = {
    "/v1/chat/completions": b": ping\n\n",
    "/v1/messages": b'event: ping\ndata: {"type": "ping"}\n\n',
}


class Producer:
    """Plays the last stage: sends what stands under the request's model, and its end when it is told to."""

    def __init__(self, beginnings: dict[str, tuple[bytes, ...]]) -> None:
        self._beginnings = beginnings
        self.go_on = asyncio.Event()

    async def answer(self, call: Call) -> None:
        """Answer one request."""
        call.lane.open(Opening(200, (("content-type", "text/event-stream"),)))
        for data in self._beginnings[call.ctx.model]:
            await call.lane.send(data)
        await self.go_on.wait()
        await call.lane.end(Ending(), LAST)


@asynccontextmanager
async def edge_before(
    nats_server: NatsServer, folder: Path, producer: Producer
) -> AsyncIterator[aiohttp.ClientSession]:
    """Run an edge in front of a producer, with a short time until it pings."""
    async with AsyncExitStack() as stack:
        server = {"sse_ping_seconds": PING_SECONDS}
        running = await stack.enter_async_context(gateway(nats_server, folder, "http://127.0.0.1:9", server=server))
        worker = await stack.enter_async_context(worker_on(nats_server.url, "guardrails"))
        await Stage(worker, producer.answer, max_in_hand=10).start()
        await worker.bus.barrier()
        worker.ready()
        await running.knows_of("guardrails")
        yield await stack.enter_async_context(aiohttp.ClientSession(running.url, headers=HEADERS))


async def ask(http: aiohttp.ClientSession, path: str, model: str) -> aiohttp.ClientResponse:
    """Ask for a stream and return it once its head is there."""
    body = {"model": model, "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    return await http.post(path, json=body)


@pytest.mark.parametrize("path", PINGS)
async def test_a_silent_stream_is_pinged_in_its_dialect(nats_server: NatsServer, tmp_path: Path, path: str) -> None:
    """After its first byte, as often as it is silent for so long, between two events."""
    producer = Producer({"demo": (FIRST,)})
    ping = PINGS[path]
    async with edge_before(nats_server, tmp_path, producer) as http, await ask(http, path, "demo") as answer:
        assert await answer.content.readexactly(len(FIRST + ping + ping)) == FIRST + ping + ping
        producer.go_on.set()
        rest = await answer.read()
    assert rest.endswith(LAST)
    assert rest.replace(ping, b"") == LAST


@pytest.mark.parametrize("path", PINGS)
async def test_no_ping_goes_into_an_event(nats_server: NatsServer, tmp_path: Path, path: str) -> None:
    """A provider that stops in the middle of one finds it as it was; one whose end came in pieces has ended."""
    half = b'data: {"half":'
    producer = Producer({"half": (FIRST, half), "split": (FIRST[:-1], FIRST[-1:])})
    ping = PINGS[path]
    async with edge_before(nats_server, tmp_path, producer) as http:
        async with await ask(http, path, "half") as halted, await ask(http, path, "split") as ended:
            assert await halted.content.readexactly(len(FIRST + half)) == FIRST + half
            assert await ended.content.readexactly(len(FIRST + 3 * ping)) == FIRST + 3 * ping
            producer.go_on.set()
            assert await halted.read() == LAST
            assert (await ended.read()).endswith(LAST)


async def test_pass_through_is_left_as_it_came(nats_server: NatsServer, tmp_path: Path) -> None:
    """Its provider is silent for three times as long, three times over, and every byte is the provider's."""
    body = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    pace = {"x-demo-behaviour": f"tokens=4;rate={1 / (3 * PING_SECONDS):.2f}/s"}
    server = {"sse_ping_seconds": PING_SECONDS}
    async with (
        demo_provider(api_key=PROVIDER_KEY) as demo,
        gateway(nats_server, tmp_path, demo.url, server=server) as running,
        aiohttp.ClientSession(running.url, headers=HEADERS) as http,
        http.post("/openai/v1/chat/completions", json=body, headers=pace) as answer,
    ):
        text = await answer.text()
        assert answer.status == 200
    assert text.count("data: ") >= 6
    assert "ping" not in text
