"""The stack is told to stop with requests in flight: what becomes of each, on every route."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.stack import Stack
from tests.support.traffic import until

DRAIN_SECONDS = 5
HELLO = [{"role": "user", "content": "Hello"}]
SHORT, LONG = "tokens=20;rate=20/s", "tokens=2000;rate=20/s"
SHUT = "this gateway is shutting down"

Answer = tuple[int, str]


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def ending(request: pytest.FixtureRequest) -> signal.Signals:
    """How the stack is told to stop."""
    return signal.Signals(request.param)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack that drains for five seconds."""
    with Stack(tmp_path / "stack", config={"server": {"drain_seconds": DRAIN_SECONDS}}) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the master key, on connections that are kept."""
    timeout = aiohttp.ClientTimeout(total=90)
    async with aiohttp.ClientSession(stack.url, headers=stack.headers(), timeout=timeout) as session:
        yield session


async def ask(http: aiohttp.ClientSession, path: str, behaviour: str, *, stream: bool) -> Answer:
    """Send a request and return status and text of its answer."""
    body = {"model": "demo", "messages": HELLO, "stream": stream, "max_tokens": 4000}
    async with http.post(path, json=body, headers={"x-demo-behaviour": behaviour}) as response:
        return response.status, await response.text()


async def called(stack: Stack, number: int) -> None:
    """Wait until the demo provider has been called so often."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):
        while True:
            async with http.get(f"{stack.demo_url}/_demo/stats") as response:
                if (await response.json())["calls"]["started"] >= number:
                    return
            await asyncio.sleep(0.02)


async def test_what_is_short_ends_whole_and_what_is_long_ends_with_an_error(
    stack: Stack, http: aiohttp.ClientSession, ending: signal.Signals
) -> None:
    """Requests in flight have the drain limit to end; past it each is told in its dialect, and the exit is clean."""
    wanted = {
        "short stream": ("/v1/chat/completions", SHORT, True),
        "short answer": ("/v1/chat/completions", "latency=1s", False),
        "long stream": ("/v1/chat/completions", LONG, True),
        "long message stream": ("/v1/messages", LONG, True),
        "long answer": ("/v1/chat/completions", "latency=60s", False),
        "long message": ("/v1/messages", "latency=60s", False),
        "long pass-through": ("/openai/v1/chat/completions", "latency=60s", False),
    }
    # The short ones last, so that they are under way when the stack hears of its end.
    asking: dict[str, asyncio.Task[Answer]] = {}
    for kind in ("long", "short"):
        for name, (path, behaviour, stream) in wanted.items():
            if name.startswith(kind):
                asking[name] = asyncio.create_task(ask(http, path, behaviour, stream=stream))
        await called(stack, len(asking))
    stack.send(ending)
    status, text = await asking["short stream"]
    assert status == 200
    assert text.rstrip().endswith("data: [DONE]")
    status, text = await asking["short answer"]
    assert (status, '"finish_reason":"stop"' in text) == (200, True)
    status, text = await asking["long stream"]
    assert (status, text.rstrip().split("\n\n")[-1].startswith('data: {"error":')) == (200, True)
    assert SHUT in text
    assert "[DONE]" not in text
    status, text = await asking["long message stream"]
    assert (status, text.rstrip().split("\n\n")[-1].startswith('event: error\ndata: {"type":"error"')) == (200, True)
    assert SHUT in text
    assert "message_stop" not in text
    for name in ("long answer", "long message", "long pass-through"):
        status, text = await asking[name]
        assert (name, status, SHUT in text) == (name, 503, True)
    await until(lambda: stack.process.poll() is not None)
    assert stack.process.returncode == 0
    assert stack.said().rstrip().endswith("Stopped.")
    assert stack.alive() == []


async def test_a_request_that_is_on_its_way_is_answered_as_its_connections_last(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    """A client with a kept connection cannot know of the end yet; a new connection is not taken any more."""
    path, headers = "/v1/chat/completions", stack.headers()
    async with aiohttp.ClientSession(stack.url, headers=headers) as kept, aiohttp.ClientSession(stack.url) as probe:
        assert (await ask(kept, path, "", stream=False))[0] == 200
        last = asyncio.ensure_future(ask(http, path, "latency=4s", stream=False))
        await called(stack, 2)
        assert not await is_draining(probe)
        stack.send(signal.SIGTERM)
        async with asyncio.timeout(60):
            while not await is_draining(probe):
                await asyncio.sleep(0.02)
        late = asyncio.ensure_future(ask(probe, path, "", stream=False))
        async with kept.post(path, json={"model": "demo", "messages": HELLO}) as response:
            assert (response.status, response.headers["Connection"]) == (200, "close")
            assert '"finish_reason":"stop"' in await response.text()
        assert (await last)[0] == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await late
    await until(lambda: stack.process.poll() is not None)
    assert stack.process.returncode == 0


async def is_draining(http: aiohttp.ClientSession) -> bool:
    """Tell whether the edge closes the connections that it answers on."""
    async with http.get("/health/liveliness") as response:
        return response.headers.get("Connection") == "close"
