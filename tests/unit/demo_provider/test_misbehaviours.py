import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from tollway.demo_provider import DemoProvider, unreachable

BOTH = pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])


async def read_to_the_end(response: aiohttp.ClientResponse) -> tuple[bytes, Exception | None]:
    data = b""
    try:
        async with asyncio.timeout(60):
            while piece := await response.content.readany():
                data += piece
    except (aiohttp.ClientPayloadError, TimeoutError) as error:
        return data, error
    return data, None


async def read_until_silent(response: aiohttp.ClientResponse, wanted: int, marker: bytes) -> bytes:
    data = b""
    async with asyncio.timeout(60):
        while data.count(marker) < wanted:
            data += await response.content.readany()
    reading = asyncio.create_task(response.content.readany())
    await asyncio.wait([reading], timeout=0.1)
    assert reading.cancel()
    return data


@BOTH
async def test_cut_drops_the_connection(post: Any, path: str) -> None:
    """After so many chunks the connection breaks before the stream's end."""
    response = await post("demo;cut=3", path, stream=True)
    data, error = await read_to_the_end(response)
    assert isinstance(error, aiohttp.ClientPayloadError)
    assert (b"Tollway's" in data, b"demo " in data) == (True, False)


async def test_cut_answer_is_shorter_than_declared(post: Any) -> None:
    """An answer that is not streamed is cut within its body."""
    response = await post("demo;cut=20")
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()


@pytest.mark.parametrize(("path", "marker"), [("/v1/chat/completions", b'"content":"'), ("/v1/messages", b"_delta\n")])
async def test_silence_keeps_the_connection(post: Any, path: str, marker: bytes) -> None:
    """After so many chunks nothing more comes, and the connection stays."""
    response = await post("demo;silence=2", path, stream=True)
    opening = 1 if path.endswith("completions") else 0
    data = await read_until_silent(response, 2 + opening, marker)
    assert (b"from " in data, b"Tollway's" in data) == (True, False)
    response.close()


@BOTH
@pytest.mark.parametrize("stream", [False, True])
async def test_garbage_is_not_utf_8(post: Any, path: str, stream: bool) -> None:
    """Invalid bytes stand in the middle of an answer that is otherwise whole."""
    response = await post("demo;garbage=4", path, stream=stream)
    with pytest.raises(UnicodeDecodeError):
        (await response.read()).decode()


async def test_usage_can_be_left_out(post: Any) -> None:
    """A provider may report no usage at all."""
    whole = await (await post("demo;usage=none")).json()
    streamed = await (await post("demo;usage=none", stream=True, stream_options={"include_usage": True})).text()
    message = await (await post("demo;usage=none", "/v1/messages")).json()
    events = await (await post("demo;usage=none", "/v1/messages", stream=True)).text()
    assert ("usage" in whole, '"usage"' in streamed, "usage" in message, '"usage"' in events) == (False,) * 4


@BOTH
async def test_error_event_ends_a_stream_of_status_200(post: Any, path: str) -> None:
    """The error comes as an event, and no end of the answer follows."""
    response = await post("demo;error_event", path, stream=True)
    last = (await read_all(response)).strip().split(b"\n\n")[-1]
    assert (response.status, b"asked to fail" in last) == (200, True)


async def read_all(response: aiohttp.ClientResponse) -> bytes:
    async with asyncio.timeout(60):
        return await response.read()


async def test_error_in_an_answer_of_status_200(post: Any) -> None:
    """An answer that is not streamed can be an error under status 200, too."""
    response = await post("demo;error_event")
    assert (response.status, "error" in await response.json()) == (200, True)


@pytest.mark.parametrize("stream", [False, True])
async def test_length_says_more_than_comes(post: Any, stream: bool) -> None:
    """A content-length that is too large ends in a broken body."""
    response = await post("demo;length", stream=stream)
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()


async def test_length_says_less_than_comes(post: Any) -> None:
    """A content-length that is too small cuts the JSON."""
    response = await post("demo;length=short")
    with pytest.raises(json.JSONDecodeError):
        json.loads(await response.read())


async def test_drop_answers_nothing(post: Any) -> None:
    """The connection is closed before the first byte."""
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post("demo;drop")


@pytest.mark.parametrize("hang", ["connect", "first_byte"])
async def test_hang_answers_nothing_and_stays(http: aiohttp.ClientSession, hang: str) -> None:
    """Nothing comes at all, not even a header."""
    body = {"model": "demo", "messages": [{"role": "user", "content": "x"}]}
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.15):
            await http.post("/v1/chat/completions", json=body, headers={"x-demo-behaviour": f"hang={hang}"})


@pytest.mark.parametrize("stream", [False, True])
async def test_hang_before_the_first_token(post: Any, stream: bool) -> None:
    """Headers come, and then nothing."""
    response = await post("demo;hang=first_token", stream=stream)
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.15):
            await response.content.readany()
    assert response.status == 200
    response.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_latency_and_rate_take_their_time(post: Any, stream: bool) -> None:
    """Latency delays the first byte, and the rate spreads the tokens."""
    started = time.monotonic()
    response = await post("demo;latency=100ms;tokens=10;rate=100/s", stream=stream)
    await response.read()
    assert time.monotonic() - started > 0.19


async def test_first_requests_only(post: Any) -> None:
    """A fault with `first=2` is over at the third request."""
    assert [(await post("demo;error=500;first=2")).status for _ in range(4)] == [500, 500, 200, 200]


async def test_show_answers_with_the_request(post: Any) -> None:
    """The answer shows the body as it came, or the headers."""
    shown = await (await post("demo;show", seed=7)).json()
    headers = await (await post("demo;show=headers")).json()
    assert json.loads(shown["choices"][0]["message"]["content"])["seed"] == 7
    assert ["Authorization", "Bearer k"] in json.loads(headers["choices"][0]["message"]["content"])


async def test_unreachable_accepts_no_connection() -> None:
    """A connection to the unreachable address neither succeeds nor fails."""
    with unreachable() as url:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=0.2)) as session:
            with pytest.raises(aiohttp.ConnectionTimeoutError):
                await session.get(url)


async def test_unknown_routes(http: aiohttp.ClientSession, provider: DemoProvider) -> None:
    """A wrong path is 404, a wrong method 405."""
    statuses = [(await http.get(path)).status for path in ("/v1/nothing", "/v1/chat/completions")]
    assert statuses == [404, 405]
