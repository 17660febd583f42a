"""A worker dies in the middle of a second attempt: the ledger names the attempt that may have cost something."""

import asyncio
from pathlib import Path

import aiohttp

from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.traffic import until


async def test_the_attempt_that_was_lost_is_the_one_in_the_ledger(tmp_path: Path) -> None:
    """The first deployment refuses, the second one is waited for when the router is killed."""
    failing = {"id": "failing", "provider": "demo", "model": "demo;error=503", "weight": 1}
    waiting = {"id": "waiting", "provider": "demo", "model": "demo;latency=1m", "weight": 0}
    config = {"demo": True, "models": [{"model_name": "pair", "deployments": [failing, waiting]}]}
    with Stack(tmp_path, config=config) as stack:
        books = Books(stack)
        try:
            async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as http:
                body = {"model": "pair", "messages": [{"role": "user", "content": "Hello"}]}
                asking = asyncio.ensure_future(http.post("/v1/chat/completions", json=body))
                await until(lambda: "router.attempt_failed" in stack.logs("router"))
                while (await books.sold())["calls"]["open"] != 1:
                    await asyncio.sleep(0.05)
                stack.kill("router")
                async with await asking as response:
                    id = response.headers["x-tollway-request-id"]
                    assert (response.status, (await response.json())["error"]["code"]) == (502, "worker_lost")
                entry = (await books.entries([id]))[id]
        finally:
            await books.close()
    (attempt,) = entry["attempts"]
    assert (attempt["deployment"], attempt["id"], entry["estimated"]) == ("waiting", f"{id}-1-2", True)
