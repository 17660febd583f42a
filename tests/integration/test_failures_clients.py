"""Clients that read slowly, or leave: what it costs the others, the provider's calls, and the bill."""

import asyncio
import contextlib
import json
import random
import re
import socket
import statistics
import threading
import time
from collections.abc import Collection, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from shared.pricing.estimate import estimate_output
from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.traffic import MESSAGES, Traffic, until
from tests.support.trouble import SERVICES, at_rest, check, grown, memory, whole

WORKERS = dict.fromkeys(SERVICES, 1)
SLOW = 1000
LEAVING = 500
AT_ONCE = 60
"""So many of those who leave are there at a time, so that what delays them is not their own crowd."""

CLOSED_SECONDS = 1.0
"""Within so long after its client's leaving a provider's call is closed: most of them, on whatever machine."""

LATEST_SECONDS = 10.0
"""And the last one of all, where both cores are busy with something else."""

FLAT = 48 * 1024 * 1024
"""Bytes that a process may grow by while slow readers only wait: nothing of theirs comes in any more."""


class Torrent:
    """A provider on a thread of its own, whose answers never end and come in large pieces."""

    def __init__(self) -> None:
        self.open = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=SLOW)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        app = web.Application()
        app.router.add_post("/chat/completions", self._answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        await web.SockSite(runner, self._listener, backlog=SLOW).start()
        await self._end.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.open += 1
        try:
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(request)
            chunk = {"choices": [{"index": 0, "delta": {"content": "x" * 16_000}, "finish_reason": None}]}
            event = b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", **chunk}).encode() + b"\n\n"
            with contextlib.suppress(ConnectionError):
                while True:
                    await response.write(event)
            return response
        finally:
            self.open -= 1

    def __enter__(self) -> "Torrent":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)
        self._loop.close()


@pytest.fixture(scope="module")
def torrent() -> Iterator[Torrent]:
    """The provider of the slow readers."""
    with Torrent() as provider:
        yield provider


@pytest.fixture(scope="module")
def stack(torrent: Torrent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One worker of each service, with room for all these clients."""
    deployment = {"provider": "openai", "model": "torrent", "api_base": torrent.url, "api_key": "sk-torrent"}
    config = {
        "max_in_hand": 3000,
        "server": {"max_in_flight": 4000},
        "models": [{"model_name": "torrent", "deployments": [deployment]}],
    }
    with Stack(tmp_path_factory.mktemp("clients"), workers=WORKERS, config=config) as running:
        yield running


def wire(stack: Stack, model: str, behaviour: str, *, label: str = "slow", stream: bool = True) -> bytes:
    """Return a request as bytes."""
    body = json.dumps({"model": model, "messages": MESSAGES, "stream": stream, "user": label}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: tollway\r\nAuthorization: Bearer {stack.master_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nx-demo-behaviour: {behaviour}\r\n"
        f"x-request-id: {label}\r\n\r\n"
    )
    return head.encode() + body


async def connected(stack: Stack) -> socket.socket:
    """Return a connection with a small buffer for what comes in."""
    host, _, port = stack.url.removeprefix("http://").partition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
    return connection


async def stats(stack: Stack) -> dict[str, Any]:
    """Return the demo provider's counts of calls."""
    async with aiohttp.ClientSession() as session, session.get(f"{stack.demo_url}/_demo/stats") as response:
        return dict((await response.json())["calls"])


async def calls_of(stack: Stack, nonces: Collection[str]) -> list[dict[str, Any]]:
    """Return the provider's calls with one of these nonces, as it remembers them."""
    address = f"{stack.demo_url}/_demo/calls"
    async with aiohttp.ClientSession() as session, session.get(address, params={"limit": "1000"}) as response:
        calls: list[dict[str, Any]] = (await response.json())["calls"]
    return [call for call in calls if call["nonce"] in nonces]


async def open_calls(stack: Stack, number: int, timeout: float) -> float:
    """Wait until the provider has so many calls open; return how long that took."""
    began = time.monotonic()
    while (await stats(stack))["open"] != number:
        assert time.monotonic() - began < timeout, await stats(stack)
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def probe(stack: Stack, seconds: float) -> list[float]:
    """Ask for liveness for some seconds, and return how long each answer took."""
    took = []
    end = time.monotonic() + seconds
    async with aiohttp.ClientSession(stack.url) as session:
        while time.monotonic() < end:
            began = time.monotonic()
            async with session.get("/health/liveliness") as response:
                assert response.status == 200
                await response.read()
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.02)
    return took


async def test_slow_readers_stand_in_nobodys_way(stack: Stack, torrent: Torrent, books: Books) -> None:
    """A thousand clients that read nothing hold a bounded amount each, and fast ones are served beside them."""
    await whole(stack, WORKERS)
    loop = asyncio.get_running_loop()
    request = wire(stack, "torrent", "nonce")
    traffic = Traffic(stack, stack.master_key, 10, "nonce")
    await traffic.start()
    slow = [await connected(stack) for _ in range(SLOW)]
    try:
        await asyncio.gather(*[loop.sock_sendall(connection, request) for connection in slow])
        await until(lambda: torrent.open == SLOW, 120)
        await settled(stack)
        before = memory(stack)
        alive = await probe(stack, 3.0)
        await traffic.at_least(100)
        assert grown(before, memory(stack)) < FLAT
        await check(await traffic.stop(), books, errors=0)
        assert statistics.median(alive) < 2.0
        assert torrent.open == SLOW
    finally:
        for connection in slow:
            connection.close()
    await until(lambda: torrent.open == 0)
    await at_rest(stack)


async def settled(stack: Stack, timeout: float = 120.0) -> None:
    """Wait until the processes stop growing: what slow readers may hold is held."""
    end = time.monotonic() + timeout
    before = memory(stack)
    while True:
        await asyncio.sleep(1.0)
        now = memory(stack)
        if grown(before, now) < 1024 * 1024:
            return
        assert time.monotonic() < end, "memory does not come to rest"
        before = now


async def test_who_leaves_is_billed_for_what_was_used_and_no_more(stack: Stack, books: Books) -> None:
    """Clients leave at random moments: their provider calls end at once, and what came until then is entered."""
    await whole(stack, WORKERS)
    chance, turn = random.Random(7), asyncio.Semaphore(AT_ONCE)
    started = await books.sold()
    left: dict[str, float] = {}
    seen: dict[str, int] = {}

    async def leave(number: int) -> None:
        async with turn:
            await come_and_leave(number)

    async def come_and_leave(number: int) -> None:
        name, received = f"leaver{number}", bytearray()
        request = wire(stack, "demo", "first_token=100ms;tokens=60;rate=40/s", label=name, stream=number % 3 > 0)
        reader, writer = await asyncio.open_connection(*stack.url.removeprefix("http://").split(":"))
        writer.write(request)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(chance.choice([0.0, 0.02, 0.1, 0.5, 1.0, 1.5])):
                while data := await reader.read(4096):
                    received += data
        left[name] = time.time()
        writer.transport.abort()
        seen[name] = len(re.findall(rb'"content":"[^"]', received)) if number % 3 else 0

    await asyncio.gather(*[leave(number) for number in range(LEAVING)])
    await open_calls(stack, 0, 60)
    ended = await books.sold()
    cancelled, finished, calls = (
        ended["calls"][outcome] - started["calls"][outcome] for outcome in ("cancelled", "finished", "started")
    )
    assert cancelled + finished == calls
    assert cancelled > LEAVING / 4
    late = {
        call["nonce"]: call["ended"] - left[call["nonce"]]
        for call in await calls_of(stack, left)
        if call["outcome"] == "cancelled"
    }
    assert len(late) == cancelled
    assert statistics.median(late.values()) < CLOSED_SECONDS
    assert max(late.values()) < LATEST_SECONDS, sorted(late.items(), key=lambda one: one[1])[-5:]
    await at_rest(stack)
    entered = await books.labelled("leaver", calls)
    # Whoever left before the provider began with its request may have an entry too, with its input at most.
    assert len(entered) >= calls
    assert sum(1 for entry in entered if entry["completion_tokens"]) <= calls
    outcomes = [entry["outcome"] for entry in entered]
    assert set(outcomes) <= {"cancelled", "success"}
    assert outcomes.count("cancelled") >= cancelled
    begun = [entry for entry in entered if entry["outcome"] == "cancelled" and entry["completion_tokens"]]
    assert begun, "nobody left in the middle of an answer"
    assert all(attempt["usage"]["estimated"] for entry in begun for attempt in entry["attempts"])
    assert all(entry["prompt_tokens"] for entry in begun)
    words = await whole_answer(stack)
    by_nonce = {call["nonce"]: call for call in await calls_of(stack, left)}
    for entry in entered:
        call = by_nonce.get(entry["label"], {"output_tokens": 0, "stream": False})
        sent = call["output_tokens"]
        if entry["outcome"] == "success":
            assert entry["completion_tokens"] == sent
            continue
        # At least what its client has seen, and at most what the provider has sent.
        least, most = (estimate_output("".join(words[:number]), "demo") for number in (seen[entry["label"]], sent))
        assert least <= entry["completion_tokens"] <= most, (call, entry["completion_tokens"])


async def whole_answer(stack: Stack) -> list[str]:
    """Return the words that the leavers would have been told, one for each token."""
    body, headers = {"model": "demo", "messages": MESSAGES}, stack.headers() | {"x-demo-behaviour": "tokens=60"}
    async with aiohttp.ClientSession(stack.url) as session:
        async with session.post("/v1/chat/completions", json=body, headers=headers) as answer:
            text = str((await answer.json())["choices"][0]["message"]["content"])
    return re.findall(r"\S+\s*", text)


async def test_liveness_answers_under_full_load(stack: Stack, books: Books) -> None:
    """Whatever the gateway has to do, its process says at once that it is alive."""
    await whole(stack, WORKERS)
    traffic = Traffic(stack, stack.master_key, 200, "nonce")
    await traffic.start()
    await traffic.at_least(200)
    took = await probe(stack, 3.0)
    results = await traffic.stop()
    assert statistics.median(took) < 2.0
    assert max(took) < 15.0
    await check(results, books, errors=0)
