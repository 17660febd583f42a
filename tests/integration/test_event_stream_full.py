"""The event stream runs out of room: no request is taken that could not be recorded, and nothing recorded is lost."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.bus import group_commit, subjects
from shared.bus.group_commit import EventWriter
from shared.bus.observed import observe_events
from shared.bus.setup import ensure_streams
from shared.telemetry.families import EVENTS_LOST
from tests.support.books import Books
from tests.support.bus_user import on_the_bus
from tests.support.stack import Stack
from tests.support.traffic import Result, Traffic, send, until
from tests.support.trouble import adds_up, all_gauges, check, frozen, gauges, recovered

ROOM = 256 * 1024
HASTE = 0.8
"""Up to this share of the room many requests at a time fill it, from there on one after the other."""

FILLED = 0.92
"""More than the share at which requests are refused."""


@asynccontextmanager
async def little_room(jetstream: JetStreamContext) -> AsyncIterator[None]:
    """Let the event stream hold a quarter of a megabyte."""
    config = (await jetstream.stream_info(subjects.EVENT_STREAM)).config
    usual = config.max_bytes
    await jetstream.update_stream(config, max_bytes=ROOM)
    try:
        yield
    finally:
        await jetstream.update_stream(config, max_bytes=usual)


async def share_of_room(jetstream: JetStreamContext) -> float:
    """Return how full the event stream is."""
    return (await jetstream.stream_info(subjects.EVENT_STREAM)).state.bytes / ROOM


async def test_admission_stops_before_the_stream_is_full_and_begins_again(tmp_path: Path) -> None:
    """503 with `Retry-After` and no call of a provider; what was recorded stays, and is all in the ledger later."""
    with Stack(tmp_path / "stack") as stack:
        books = Books(stack)
        async with (
            on_the_bus(stack, "tollway") as client,
            aiohttp.ClientSession(stack.url, headers=stack.headers()) as http,
        ):
            jetstream = client.jetstream()
            async with little_room(jetstream):
                with frozen(stack.pids("billing")):
                    results = await fill(stack, jetstream)
                    await refused_everywhere(stack, http, books)
                    await discards_new(stack, jetstream)
                traffic = Traffic(stack, stack.master_key, 5, "nonce")
                await traffic.start()
                await recovered(traffic, 20)
                results += await traffic.stop()
        await check(results, books)
        await adds_up(books)
        assert (await all_gauges(stack)).get("tollway_events_lost_total", 0) == 0
        await books.close()


async def fill(stack: Stack, jetstream: JetStreamContext) -> list[Result]:
    """Send requests until their events nearly fill the stream; return what came of them."""
    traffic = Traffic(stack, stack.master_key, 4, "nonce")
    await traffic.start()
    while await share_of_room(jetstream) < HASTE:
        await asyncio.sleep(0.01)
    results = await traffic.stop()
    assert {result.outcome for result in results} == {"complete"}
    async with aiohttp.ClientSession(stack.url) as http:
        while results[-1].outcome == "complete" and await share_of_room(jetstream) < FILLED:
            results.append(await send(http, stack.master_key, f"single{len(results)}", stream=False))
    return results


async def refused_everywhere(stack: Stack, http: aiohttp.ClientSession, books: Books) -> None:
    """Hold that every route that is recorded is refused, before a provider is called."""
    end = time.monotonic() + 60
    while (await gauges(stack))["tollway_event_stream_full"] < 3:  # the edge, the router, pass-through
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    sold = (await books.sold())["calls"]["started"]
    body = {"model": "demo", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    for path in ("/v1/chat/completions", "/v1/messages", "/openai/v1/chat/completions"):
        async with http.post(path, json=body) as response:
            assert (path, response.status, response.headers.get("Retry-After")) == (path, 503, "5")
            assert "record" in json.loads(await response.text())["error"]["message"]
    assert (await books.sold())["calls"]["started"] == sold


async def discards_new(stack: Stack, jetstream: JetStreamContext) -> None:
    """Hold that what finds no room is refused, and what is there stays."""
    before = (await jetstream.stream_info(subjects.EVENT_STREAM)).state
    async with on_the_bus(stack, "router") as router:
        with pytest.raises(APIError, match="maximum bytes exceeded"):
            await router.jetstream().publish(subjects.COMPLETION_FINISHED, b" " * (ROOM - 1024))
    after = (await jetstream.stream_info(subjects.EVENT_STREAM)).state
    assert (after.messages, after.first_seq) == (before.messages, before.first_seq)


async def test_an_event_that_is_given_up_is_counted(
    nats_server: Any, worker_on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the bound of those that wait with nobody waiting for them; those within it are stored when they can be."""
    monkeypatch.setattr(group_commit, "PERSISTING", 2)
    async with worker_on("router") as router:
        await ensure_streams(router.bus)
        writer = EventWriter(router.bus, stall_seconds=0.5)
        observe_events(router.metrics, writer)
        await writer.start()
        nats_server.signal(signal.SIGSTOP)
        try:
            for number in range(5):
                writer.persist(msgspec.json.encode({"n": number}))
        finally:
            nats_server.signal(signal.SIGCONT)
        samples = [sample for metric in router.metrics.collect() for sample in metric.samples]
        assert [sample.value for sample in samples if sample.name.startswith(EVENTS_LOST.name)] == [3]
        await until(lambda: writer.events == 2)
        await writer.close()
