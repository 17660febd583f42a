"""What the data folder keeps: a stack that was stopped and started again knows all that it knew."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.managing import Management
from tests.support.spend_logs import logged
from tests.support.stack import Stack
from tollway.demo_provider import demo_provider

HELLO = [{"role": "user", "content": "Hello"}]


@contextmanager
def provider_that_stays() -> Iterator[str]:
    """A provider on a thread of its own, which no restart of the stack touches; yields its address."""
    loop = asyncio.new_event_loop()
    end = asyncio.Event()
    told: list[str] = []
    there = threading.Event()

    async def serve() -> None:
        async with demo_provider() as provider:
            told.append(provider.url)
            there.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert there.wait(60)
        yield told[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
        loop.close()


async def figures(management: Management, key: str, team: str) -> dict[str, Any]:
    """Return everything that the stack shows about these objects and their spend."""
    asked = {
        "key": await management.get("/key/info", key=key),
        "team": await management.get("/team/info", team_id=team),
        "entries": await management.get("/spend/logs", api_key=key),
        "total": await management.get("/global/spend"),
        "of keys": await management.get("/spend/keys"),
        "audit": await management.get("/audit", page_size="100"),
    }
    return {name: reply.body for name, reply in asked.items()}


async def test_keys_models_and_ledger_survive_a_restart(tmp_path: Path) -> None:
    """A key and a stored model serve as before, the ledger has every entry and sum, and spend goes on from there."""
    with provider_that_stays() as address:
        with Stack(tmp_path / "stack") as stack:
            master = stack.master_key
            async with Management(stack) as management, aiohttp.ClientSession(stack.url) as http:
                await management.post("/team/new", team_id="kept", max_budget=1.0)
                key = (await management.post("/key/generate", team_id="kept", key_alias="kept")).body["key"]
                model = {"model": "demo/demo", "api_base": address, "api_key": "sk-of-the-provider"}
                made = await management.post("/model/new", model_name="mine", litellm_params=model)
                assert made.status == 200, made.text
                headers = {"Authorization": f"Bearer {key}"}
                spent = []
                for name in ("demo", "mine"):
                    body = {"model": name, "messages": HELLO}
                    async with http.post("/v1/chat/completions", json=body, headers=headers) as answer:
                        assert answer.status == 200, await answer.text()
                        spent.append(answer.headers["x-tollway-request-id"])
            async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as http:
                for request_id in spent:
                    await logged(http, request_id)
            async with Management(stack) as management:
                before = await figures(management, key, "kept")
        with Stack(tmp_path / "stack") as stack:
            assert stack.master_key == master
            async with Management(stack) as management:
                assert await figures(management, key, "kept") == before
                reply = await management.post("/v1/chat/completions", key, model="mine", messages=HELLO)
                assert reply.status == 200, reply.text
            async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as http:
                entry = await logged(http, reply.headers["x-tollway-request-id"])
            async with Management(stack) as management:
                after = await figures(management, key, "kept")
    assert {row["request_id"] for row in after["entries"]} == {*spent, entry["request_id"]}
    assert after["key"]["info"]["spend"] == pytest.approx(before["key"]["info"]["spend"] + entry["spend"])
