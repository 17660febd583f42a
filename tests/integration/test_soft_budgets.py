"""Soft budgets on the whole stack: nothing is refused, the caller hears of it, and an event tells it once."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from shared.bus import subjects
from shared.bus.setup import ensure_streams, streams
from shared.schemas.events import SoftBudgetReached
from shared.schemas.limits import Limits
from shared.security.keys import key_digest, stored_hash
from shared.store.connection import Store
from shared.store.people import TeamRecord, teams
from tests.support.limited import ask, limited_key
from tests.support.nats_server import NatsServer
from tests.support.stack import Stack
from tests.support.trouble import all_gauges, whole
from tollway.alerts import login
from tollway.stack.errors import StackError

WORKERS = {"auth": 2}
TINY = 1_000
"""A microdollar: less than the cheapest request."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two auth workers, so that one can take over."""
    with Stack(tmp_path_factory.mktemp("soft"), workers=WORKERS) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession(stack.url) as session:
        yield session


@asynccontextmanager
async def jetstream(stack: Stack) -> AsyncIterator[JetStreamContext]:
    """Read streams as the user who makes them."""
    client = await nats.connect(
        stack.nats_url,
        user="tollway",
        password=stack.nats_password("tollway"),
        inbox_prefix=b"_INBOX.tollway",
        allow_reconnect=False,
    )
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def alerts(stack: Stack) -> list[SoftBudgetReached]:
    """Return all that was told."""
    found = []
    async with jetstream(stack) as stream:
        last = (await stream.stream_info(subjects.ALERT_STREAM)).state.last_seq
        for at in range(1, last + 1):
            message = await stream.get_msg(subjects.ALERT_STREAM, at)
            event = msgspec.json.decode(message.data or b"", type=SoftBudgetReached)
            assert message.subject == subjects.soft_budget_reached(event.id)
            assert (message.headers or {})["Nats-Msg-Id"] == event.id
            found.append(event)
    return found


def hash_of(stack: Stack, key: str) -> str:
    """Return what the ledger calls a key."""
    return stored_hash(key_digest(key), bytes.fromhex(stack.secret("secret")))


async def test_a_soft_budget_is_told_once_whoever_finds_it_out(stack: Stack, http: aiohttp.ClientSession) -> None:
    """By the request that spends it, for the key and for its team; not by those after it, and not by a new limiter."""
    store = Store.open(stack.mongodb_url)
    await teams(store).insert(TeamRecord("soft", 1.0, limits=Limits(soft_budget=TINY, budget_duration="1mo")))
    await store.close()
    key = await limited_key(stack, Limits(soft_budget=TINY, max_budget=10**12), team_id="soft")
    first = await ask(http, key)
    assert first.status == 200
    assert "x-tollway-soft-budget-exceeded" not in first.headers
    async with asyncio.timeout(60):
        while len(await alerts(stack)) < 2:
            await asyncio.sleep(0.05)
    by_scope = {event.scope: event for event in await alerts(stack)}
    of_key, of_team = by_scope["key"], by_scope["team"]
    assert of_key.key == hash_of(stack, key)
    assert (of_team.team, of_team.key, of_team.soft_budget) == ("soft", "", TINY)
    assert of_key.spent == of_team.spent >= TINY
    assert of_key.since == of_key.until == 0.0
    assert of_team.since < first.ended < of_team.until

    second = await ask(http, key)
    assert (second.status, second.headers["x-tollway-soft-budget-exceeded"]) == (200, "key, team")
    # A new limiter knows of no announcement; what it finds out again stands there already.
    for index in (0, 1):
        stack.kill("auth", index)
    await whole(stack, WORKERS)
    assert (await ask(http, key)).status == 200
    async with asyncio.timeout(60):
        while (third := await ask(http, key)).headers.get("x-tollway-soft-budget-exceeded") != "key, team":
            assert third.status == 200
    async with asyncio.timeout(60):
        while (await all_gauges(stack))["tollway_alerts_waiting"]:
            await asyncio.sleep(0.05)
    assert len(await alerts(stack)) == 2
    # Both processes that counted are gone: what they told is not told again.
    assert (await all_gauges(stack)).get("tollway_soft_budgets_reached_total", 0) == 0


async def test_a_soft_budget_is_counted(stack: Stack, http: aiohttp.ClientSession) -> None:
    """The metric says how many were spent; completion events are a stream of their own, and alerts never fill it."""
    key = await limited_key(stack, Limits(soft_budget=TINY))
    before = (await all_gauges(stack)).get("tollway_soft_budgets_reached_total", 0)
    assert (await ask(http, key)).status == 200
    async with asyncio.timeout(60):
        while (await all_gauges(stack)).get("tollway_soft_budgets_reached_total", 0) != before + 1:
            await asyncio.sleep(0.05)
    async with jetstream(stack) as stream:
        with pytest.raises(NotFoundError):
            await stream.get_last_msg(subjects.EVENT_STREAM, subjects.soft_budget_reached("*"))


async def tollway_alerts(stack: Stack, *arguments: str) -> asyncio.subprocess.Process:
    """Start `tollway alerts` for the stack, as a terminal does: a job in the background would ignore Ctrl-C."""
    command = [sys.executable, "-m", "tollway", "alerts", "--data-dir", str(stack.data_dir), *arguments]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command,
        env=stack.environment(),
        stdout=pipe,
        stderr=pipe,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


async def test_an_operator_follows_alerts(stack: Stack, http: aiohttp.ClientSession) -> None:
    """As JSON lines, by a command: those that are there, or those after a line that was read, and those to come."""
    async with asyncio.timeout(200):
        first, second = [await limited_key(stack, Limits(soft_budget=TINY)) for _ in range(2)]
        assert (await ask(http, first)).status == 200
        while not (known := await alerts(stack)) or known[-1].key != hash_of(stack, first):
            await asyncio.sleep(0.05)
        told, complaints = await (await tollway_alerts(stack)).communicate()
        lines = [json.loads(line) for line in told.splitlines()]
        assert [line["id"] for line in lines] == [event.id for event in known], complaints
        last = lines[-1]["sequence"]
        following = await tollway_alerts(stack, "--follow", "--after", str(last - 1))
        try:
            assert following.stdout is not None
            assert json.loads(await following.stdout.readline()) == lines[-1]
            assert (await ask(http, second)).status == 200
            line = json.loads(await following.stdout.readline())
        finally:
            following.send_signal(signal.SIGINT)
            _, complaints = await following.communicate()
        assert (line["sequence"], line["scope"], line["soft_budget"]) == (last + 1, "key", TINY)
        assert line["key"] == hash_of(stack, second)
        assert b"Traceback" not in complaints


async def test_alerts_of_nothing_that_runs_are_one_sentence(tmp_path: Path) -> None:
    """It says what to do."""
    with pytest.raises(StackError, match=r"no 'tollway up' runs on .*: start it, .* or set NATS_URL"):
        login(tmp_path, {})


async def test_a_stream_of_before_gives_up_what_it_does_not_hold(nats_server: NatsServer, worker_on: Any) -> None:
    """Completion events once took every event's subject; what waits for billing there stays."""
    before = streams()[0]
    before.subjects = ["tollway.evt.>"]
    async with worker_on("auth") as worker:
        stream = worker.bus.jetstream
        await stream.add_stream(before)
        await stream.add_consumer(
            before.name, ConsumerConfig(durable_name="billing", filter_subject=subjects.COMPLETION_FINISHED)
        )
        await stream.publish(subjects.COMPLETION_FINISHED, b"{}")
        await ensure_streams(worker.bus)
        held = (await stream.stream_info(subjects.EVENT_STREAM)).state.messages
        assert (held, await stream.find_stream_name_by_subject(subjects.soft_budget_reached("x"))) == (
            1, subjects.ALERT_STREAM,
        )  # fmt: skip
