"""Every service is started while nats-server and the store are away, or hang: it waits, says so, and then serves."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.nats_server import NatsServer
from tests.support.raw_upstream import RawUpstream, raw_upstream
from tests.support.served import MASTER_KEY, STORED, WAIT_SECONDS, Served
from tests.support.store_server import StoreServer
from tests.support.trouble import FROZEN_SECONDS
from tollway.services import SERVICES

ANSWER = (
    b'{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"here"}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
PATHS = ("/v1/chat/completions", "/native")
NATIVE = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


@asynccontextmanager
async def provider() -> AsyncIterator[RawUpstream]:
    """Answer every request."""
    async with raw_upstream() as upstream:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
        upstream.answer = head + ANSWER
        yield upstream


def configured(upstream: RawUpstream) -> dict[str, Any]:
    """Return a configuration with one model, and a pass-through to the same provider."""
    deployment = {"provider": "openai", "model": "gpt-4o", "api_base": upstream.url, "api_key": "sk-provider"}
    native = {"path": "/native", "target": upstream.url, "headers": {"Authorization": "Bearer sk-provider"}}
    return {
        "demo": False,
        "models": [{"model_name": "gpt-4o", "deployments": [deployment]}],
        "pass_through_endpoints": [native],
    }


async def say_what_is_missing(served: Served) -> None:
    """Without a broker the edge lives, is not ready, and refuses politely; nobody ends for 20 s."""
    began = time.monotonic()
    await served.until(lambda status, body: status == 503 and body["missing"] == ["the message broker does not answer"])
    async with aiohttp.ClientSession(served.url) as session:
        async with session.get("/health/liveliness") as answer:
            assert answer.status == 200
        for path, kind in (("/v1/chat/completions", "unavailable"), ("/v1/messages", "overloaded_error")):
            async with session.post(path, json=NATIVE) as answer:
                assert (answer.status, answer.headers["retry-after"]) == (503, "1")
                assert kind in await answer.text()
    async with asyncio.timeout(WAIT_SECONDS):
        while not all("waiting for it" in served.said(name) for name in SERVICES):
            await asyncio.sleep(0.1)
    await asyncio.sleep(max(0.0, began + FROZEN_SECONDS - time.monotonic()))
    assert served.ended() == []
    for name in SERVICES:
        assert "canary-password" not in served.said(name)
        assert "Traceback" not in served.said(name)


async def serve_without_the_store(served: Served) -> None:
    """Once the broker is there, all are, and those that need the store say that it is missing."""
    everybody = dict.fromkeys(SERVICES, 1)
    await served.until(lambda status, body: status == 200 and body["workers"] == everybody)
    await served.until(lambda _, body: {what.split(":")[0] for what in body["missing"]} >= STORED)
    await becomes(served, 200, MASTER_KEY)
    assert await ask(served, "/v1/chat/completions", "sk-unknown") == 503


async def serve_everything(served: Served) -> None:
    """With the store nothing is missing: completions, native requests, management, and each is billed."""
    await served.until(lambda status, body: status == 200 and body["missing"] == [])
    await becomes(served, 401, "sk-unknown")
    async with aiohttp.ClientSession(served.url, headers={"Authorization": f"Bearer {MASTER_KEY}"}) as session:
        async with session.post("/key/generate", json={}) as answer:
            assert answer.status == 200, await answer.text()
            key = (await answer.json())["key"]
        for path in PATHS:
            await becomes(served, 200, key, path)
        end = time.monotonic() + WAIT_SECONDS
        while True:
            async with session.get("/spend/logs", params={"api_key": key}) as answer:
                entries = await answer.json()
            # A request that was refused has no entry, and what was answered has one.
            if sum(entry["status"] == "success" for entry in entries) == len(PATHS):
                return
            assert time.monotonic() < end, entries
            await asyncio.sleep(0.1)


async def becomes(served: Served, status: int, key: str, path: str = PATHS[0]) -> None:
    """Ask until a key gets this status."""
    end = time.monotonic() + WAIT_SECONDS
    while (got := await ask(served, path, key)) != status:
        assert time.monotonic() < end, f"{got} instead of {status}"
        await asyncio.sleep(0.1)


async def ask(served: Served, path: str, key: str) -> int:
    """Send a request and return its status."""
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(served.url, timeout=aiohttp.ClientTimeout(total=60)) as session:
        async with session.post(path, json=NATIVE, headers=headers) as answer:
            await answer.read()
            return answer.status


async def start_without_servers(folder: Path, *, broker_hangs: bool) -> None:
    """Of the two servers one refuses connections and the other one hangs."""
    broker, store = NatsServer(folder / "nats"), StoreServer(folder / "store")
    async with AsyncExitStack() as context:
        upstream = await context.enter_async_context(provider())
        for server in (broker, store):
            context.callback(server.stop)
            await asyncio.to_thread(server.start)
        url = broker.url.replace("//", "//somebody:canary-password@")
        served = Served(folder / "served", nats_url=url, mongodb_url=store.url, config=configured(upstream))
        await asyncio.to_thread(served.setup)
        if broker_hangs:
            broker.signal(signal.SIGSTOP)
            # By a signal that it hears: killed in its first seconds it might never start again.
            await asyncio.to_thread(store.stop, signal.SIGTERM)
        else:
            broker.stop()
            store.signal(signal.SIGSTOP)
        context.enter_context(served)
        served.start()
        await say_what_is_missing(served)
        if broker_hangs:
            broker.signal(signal.SIGCONT)
        else:
            await asyncio.to_thread(broker.start)
        await serve_without_the_store(served)
        if broker_hangs:
            await asyncio.to_thread(store.start)
        else:
            store.signal(signal.SIGCONT)
        await serve_everything(served)
        assert served.ended() == []


@pytest.mark.timeout(1200)
async def test_services_wait_for_the_servers_that_they_need(tmp_path: Path) -> None:
    """The broker refuses while the store hangs, and the other way round; no service is started a second time."""
    await asyncio.gather(
        start_without_servers(tmp_path / "refuses", broker_hangs=False),
        start_without_servers(tmp_path / "hangs", broker_hangs=True),
    )
