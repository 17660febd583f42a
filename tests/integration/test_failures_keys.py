"""A key that is revoked stops working at every auth worker at once, and other changes are heard as fast."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.stack import Stack
from tests.support.traffic import MESSAGES
from tests.support.trouble import SERVICES, frozen, whole

WORKERS = dict.fromkeys(SERVICES, 1) | {"auth": 3}
USUAL = 0.1
"""Seconds after the admin's answer within which a change is heard everywhere, as DESIGN.md has it.

It holds for a quarter of the changes at least, however busy the machine is.
"""

BOUND = 30.0
"""Seconds after which a change was not heard at all."""

KEYS = 5
"""Keys whose life is watched; each has four changes."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Three auth workers, each with a cache of its own."""
    with Stack(tmp_path_factory.mktemp("keys"), workers=WORKERS) as running:
        yield running


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client of the stack."""
    async with aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=90)) as session:
        yield session


async def status(client: aiohttp.ClientSession, key: str) -> int:
    """Ask for a completion and return the status."""
    body = {"model": "demo", "messages": MESSAGES}
    async with client.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}) as answer:
        await answer.read()
        return answer.status


async def manage(client: aiohttp.ClientSession, stack: Stack, path: str, body: dict[str, Any]) -> Any:
    """Call a management route with the master key."""
    async with client.post(path, json=body, headers=stack.headers()) as answer:
        told = await answer.json()
        assert answer.status == 200, told
        return told


async def last_seen(client: aiohttp.ClientSession, key: str, unwanted: int, wanted: int) -> float:
    """Use a key from many sides at a time; return when a request was last sent that got the unwanted status."""
    began = time.monotonic()
    last = began

    async def use() -> None:
        nonlocal last
        right = 0
        while right < 20 and time.monotonic() - began < BOUND:
            sent = time.monotonic()
            got = await status(client, key)
            assert got in (unwanted, wanted)
            right = right + 1 if got == wanted else 0
            if got == unwanted:
                last = max(last, sent)

    await asyncio.gather(*[use() for _ in range(6)])
    return last - began


async def test_a_change_of_a_key_is_heard_by_all(stack: Stack, client: aiohttp.ClientSession) -> None:
    """Made, blocked, unblocked and deleted: each time all workers judge alike, soon after the admin's answer."""
    await whole(stack, WORKERS)
    delays: list[float] = []
    for _ in range(KEYS):
        key = (await manage(client, stack, "/key/generate", {}))["key"]
        delays.append(await last_seen(client, key, 401, 200))
        for path, body, unwanted, wanted in (
            ("/key/block", {"key": key}, 200, 401),
            ("/key/unblock", {"key": key}, 401, 200),
            ("/key/delete", {"keys": [key]}, 200, 401),
        ):
            await manage(client, stack, path, body)
            delays.append(await last_seen(client, key, unwanted, wanted))
    assert statistics.quantiles(delays)[0] <= USUAL, delays
    assert max(delays) <= BOUND, delays


async def test_a_worker_that_slept_through_a_change_does_not_serve_the_old(
    stack: Stack, client: aiohttp.ClientSession
) -> None:
    """Workers that were stopped while a key was deleted know it before they judge again."""
    await whole(stack, WORKERS)
    key = (await manage(client, stack, "/key/generate", {}))["key"]
    assert await last_seen(client, key, 401, 200) < BOUND
    with frozen(stack.pids("auth")[1:]):
        await manage(client, stack, "/key/delete", {"keys": [key]})
        asked = [asyncio.ensure_future(status(client, key)) for _ in range(60)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*[asyncio.shield(task) for task in asked])
    assert set(await asyncio.gather(*asked)) <= {401, 502, 503}
    assert await last_seen(client, key, 200, 401) < BOUND
