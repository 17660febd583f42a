import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tollway.demo_provider import DemoProvider

MEGABYTE = os.urandom(1024 * 1024)


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield MEGABYTE


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "PURGE"])
async def test_echo_is_byte_for_byte(http: aiohttp.ClientSession, method: str) -> None:
    """Any method's body comes back as it was sent, its path and type in the headers."""
    headers = {"Content-Type": "application/x-own"}
    async with http.request(method, "/v1/echo/a%20b?c=%2F", data=MEGABYTE, headers=headers) as response:
        assert await response.read() == MEGABYTE
        assert response.headers["x-demo-method"] == method
        assert response.headers["x-demo-path"] == "/v1/echo/a%20b?c=/"
        assert response.headers["Content-Type"] == "application/x-own"


async def test_echo_streams_both_ways(http: aiohttp.ClientSession) -> None:
    """The first bytes come back before the last ones are sent."""
    may_end = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await may_end.wait()
        yield b"last"

    async with asyncio.timeout(60), http.post("/v1/echo", data=body()) as response:
        assert await response.content.readexactly(5) == b"first"
        may_end.set()
        assert await response.read() == b"last"


async def test_echo_leaves_compressed_bytes_alone(http: aiohttp.ClientSession) -> None:
    """A body that says gzip is neither unpacked nor checked."""
    headers = {"Content-Encoding": "gzip"}
    async with http.post("/v1/echo", data=b"not gzip", headers=headers, auto_decompress=False) as response:
        assert (await response.read(), response.headers["Content-Encoding"]) == (b"not gzip", "gzip")


@pytest.mark.parametrize("headers", [{}, {"Expect": "100-continue"}])
async def test_upload_is_hashed(http: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    """An upload's answer is its size and its SHA-256."""
    async with http.post("/v1/files", data=pieces(8), headers=headers) as response:
        body = await response.json()
    assert (body["bytes"], body["sha256"]) == (8 * 1024 * 1024, hashlib.sha256(MEGABYTE * 8).hexdigest())


async def test_echo_misbehaves_too(http: aiohttp.ClientSession) -> None:
    """Errors and cuts can be asked for by header."""
    async with http.post("/v1/echo", data=b"x", headers={"x-demo-behaviour": "error=503"}) as response:
        assert response.status == 503
    async with http.post("/v1/echo", data=pieces(4), headers={"x-demo-behaviour": "cut=2"}) as response:
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_upload_that_is_given_up_counts_as_cancelled(http: aiohttp.ClientSession, provider: DemoProvider) -> None:
    """A client that leaves within its upload is noticed."""

    async def body() -> AsyncIterator[bytes]:
        yield MEGABYTE
        await asyncio.sleep(60)

    uploading = asyncio.create_task(http.post("/v1/files", data=body()).__aenter__())
    async with asyncio.timeout(60):
        while provider.counters.stats()["calls"]["open"] == 0:
            await asyncio.sleep(0.001)
        uploading.cancel()
        while provider.counters.stats()["calls"]["cancelled"] == 0:
            await asyncio.sleep(0.001)
    assert provider.counters.stats()["calls"]["open"] == 0
