"""Spend as operators see it over HTTP, on a whole Tollway: entries, reports, files, and the command that checks."""

import asyncio
import csv
import io
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.spend_logs import logged
from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the master key."""
    async with aiohttp.ClientSession(
        stack.url, headers=stack.headers(), timeout=aiohttp.ClientTimeout(total=90)
    ) as session:
        yield session


async def test_what_a_caller_says_is_kept_and_bills_nobody_else(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Tags and metadata stand in the entry as data; a caller's words name no key, user or team."""
    async with http.post("/key/generate", json={"key_alias": "honest", "tags": ["of-the-key"]}) as answer:
        made = await answer.json()
    said = {
        "tags": ["mine"], "note": {"$set": 1, "a.b": [None]}, "user_api_key": "sk-victim", "team_id": "victims",
        "user_api_key_user_id": "victim",
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {made['key']}", "x-litellm-tags": "header, other"}
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}], "metadata": said, "user": "somebody"}
    async with http.post("/v1/chat/completions", json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        request_id = answer.headers["x-tollway-request-id"]
    entry = await logged(http, request_id)
    assert set(entry["request_tags"]) == {"of-the-key", "mine", "header", "other"}
    del said["tags"]
    assert entry["metadata"]["requester_metadata"] == said
    assert (entry["api_key"], entry["user"], entry["team_id"], entry["end_user"]) == (
        made["token"], "", None, "somebody"
    )  # fmt: skip
    for query in ({"tag": "mine"}, {"end_user": "somebody"}, {"api_key": made["key"]}):
        async with http.get("/spend/logs", params=query) as answer:
            assert [item["request_id"] for item in await answer.json()] == [request_id]
    async with http.get("/spend/tags", params={"tags": "mine"}) as answer:
        assert await answer.json() == [
            {"individual_request_tag": "mine", "log_count": 1, "total_spend": entry["spend"]}
        ]  # fmt: skip


async def test_a_file_holds_what_the_pages_hold(stack: Stack, http: aiohttp.ClientSession) -> None:
    """The export streams through the gateway, and has every entry of every page, once."""
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}], "tags": ["of-the-file"], "max_tokens": 2}

    async def ask() -> str:
        async with http.post("/v1/chat/completions", json=body) as answer:
            assert answer.status == 200
            return answer.headers["x-tollway-request-id"]

    asked = await asyncio.gather(*(ask() for _ in range(25)))
    for request_id in asked:
        await logged(http, request_id)
    paged: list[str] = []
    query = {"tag": "of-the-file", "page_size": "10"}
    while True:
        async with http.get("/spend/logs", params=query) as answer:
            paged += [item["request_id"] for item in await answer.json()]
            cursor = answer.headers.get("x-tollway-next-cursor")
        if cursor is None:
            break
        query["cursor"] = cursor
    assert sorted(paged) == sorted(asked)
    async with http.get("/spend/logs/export", params={"tag": "of-the-file"}) as answer:
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(await answer.text())))
    assert [row["request_id"] for row in rows] == paged


async def test_the_command_checks_a_gateway_that_serves(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Verified, rebuilt and verified again on a stack that runs; then requests are written as before."""

    def run(command: str) -> "subprocess.CompletedProcess[str]":
        plain = {name: value for name, value in os.environ.items() if name not in ("MONGODB_URL", "NATS_URL")}
        return subprocess.run(
            [sys.executable, "-m", "tollway", "ledger", command, "--data-dir", str(stack.data_dir)],
            env=plain | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}, cwd=ROOT, capture_output=True, text=True,
            timeout=150, check=False,
        )  # fmt: skip

    checked = await asyncio.to_thread(run, "verify")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert "All sums agree." in checked.stdout
    rebuilt = await asyncio.to_thread(run, "rebuild")
    assert (rebuilt.returncode, rebuilt.stderr) == (0, "")
    assert (await asyncio.to_thread(run, "verify")).returncode == 0
    async with http.post(
        "/v1/chat/completions", json={"model": "demo", "messages": [{"role": "user", "content": "after"}]}
    ) as answer:
        request_id = answer.headers["x-tollway-request-id"]
    entry: dict[str, Any] = await logged(http, request_id)
    assert entry["startTime"][:4] == time.strftime("%Y", time.gmtime())
