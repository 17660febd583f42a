"""Events that are poisoned, repeated or cannot be stored: the ledger holds what was sold, neither more nor less."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from nats.js.errors import NotFoundError

from shared.bus import subjects
from shared.bus.connection import Bus
from shared.bus.setup import ensure_streams
from shared.schemas.events import encode_completion
from shared.store import entries as ledger_entries
from tests.support.books import Books
from tests.support.bus_user import on_the_bus
from tests.support.stack import Stack
from tests.support.traffic import Traffic, until
from tests.support.trouble import SERVICES, adds_up, at_rest, check, gauges, recovered, until_gauges, whole

WORKERS = dict.fromkeys(SERVICES, 1)
STALL_SECONDS = 2.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose answers wait for two seconds at most."""
    config = {"billing": {"on_stall": "wait", "stall_seconds": STALL_SECONDS}}
    with Stack(tmp_path_factory.mktemp("events"), workers=WORKERS, config=config) as running:
        yield running


@pytest.fixture(scope="module")
def spooling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with two routers that write events to the disk when JetStream does not take them."""
    workers = WORKERS | {"router": 2}
    with Stack(tmp_path_factory.mktemp("spool"), workers=workers, config={"billing": {"on_stall": "spool"}}) as running:
        yield running


@asynccontextmanager
async def books_of(stack: Stack) -> AsyncIterator[Books]:
    """The ledger of a stack."""
    books = Books(stack)
    try:
        yield books
    finally:
        await books.close()


async def equals_what_was_sold(books: Books) -> None:
    """Hold that requests and tokens of the ledger, its rollups and the demo provider are the same."""
    await adds_up(books)
    sums = await books.summed()
    sold = await books.sold()
    assert sums["requests"] == sold["calls"]["finished"]
    assert sums["prompt_tokens"] == sold["tokens"]["input"]
    assert sums["completion_tokens"] == sold["tokens"]["output"]


async def test_poison_and_repeats_change_nothing(stack: Stack) -> None:
    """Bytes that are no event become dead letters, each with its metric; a repeated event counts once."""
    await whole(stack, WORKERS)
    poison = [
        b"", b"\xff\xfe", b"{", b"[]", b'{"completions":[]}', b'{"completions":[{"request_id":""}]}',
        b'{"completions":[{"request_id":"x","attempts":[{"cost":-1}]}]}', json.dumps({"completions": "all"}).encode(),
    ]  # fmt: skip
    async with books_of(stack) as books, on_the_bus(stack, "router") as client:
        traffic = Traffic(stack, stack.master_key, 20, "nonce")
        await traffic.start()
        await traffic.at_least(50)
        for payload in poison:
            await client.publish(subjects.COMPLETION_FINISHED, payload)
        await traffic.at_least(50)
        results = await traffic.stop()
        await check(results, books)
        # A disk that stalls for two seconds fails answers, whatever stands in the stream; nothing else may.
        told = [result.detail for result in results if result.outcome == "error"]
        assert [detail for detail in told if "recorded" not in detail] == []
        await at_rest(stack)
        known = await books.entries([result.request_id for result in results])
        repeats = []
        for stored in [await books.stored(request_id) for request_id in list(known)[:30]]:
            repeats.append(encode_completion(ledger_entries.completion_of(stored)))
        for repeat in (*repeats, *repeats):
            await client.publish(subjects.COMPLETION_FINISHED, b'{"completions":[%b]}' % repeat)
        mixed = b'{"completions":[{"request_id":1},%b]}' % repeats[0]
        await client.publish(subjects.COMPLETION_FINISHED, mixed)
        await client.flush()
        await dead_letters(stack, len(poison) + 1)
        await drained(stack)
        await equals_what_was_sold(books)


async def dead_letters(stack: Stack, number: int, timeout: float = 60.0) -> None:
    """Wait until so many dead letters were counted."""
    end = time.monotonic() + timeout
    while (counted := (await gauges(stack)).get("tollway_dead_letters_total", 0)) != number:
        assert time.monotonic() < end, f"{counted} dead letters instead of {number}"
        await asyncio.sleep(0.1)


async def drained(stack: Stack, timeout: float = 60.0) -> None:
    """Wait until billing has taken every event."""
    end = time.monotonic() + timeout
    async with on_the_bus(stack, "tollway") as client:
        while True:
            info = await client.jetstream().stream_info(subjects.EVENT_STREAM)
            if not info.state.messages:
                return
            assert time.monotonic() < end, info.state
            await asyncio.sleep(0.1)


@asynccontextmanager
async def without_event_stream(stack: Stack) -> AsyncIterator[None]:
    """Take JetStream's event stream away while the broker itself serves, and bring it back."""
    await drained(stack)
    async with on_the_bus(stack, "tollway") as client:
        await client.jetstream().delete_stream(subjects.EVENT_STREAM)
    try:
        yield
    finally:
        bus = await Bus.connect(
            stack.nats_url, name="test", inbox="tollway", user="tollway", password=stack.nats_password("tollway")
        )
        await ensure_streams(bus)
        await bus.close()


async def test_answers_wait_for_a_stalled_stream_and_then_fail_and_are_billed_later(stack: Stack) -> None:
    """While events cannot be stored no answer is called complete; what was sold is entered when they can be."""
    await whole(stack, WORKERS)
    async with books_of(stack) as books:
        async with without_event_stream(stack):
            began = time.monotonic()
            traffic = Traffic(stack, stack.master_key, 20, "nonce;tokens=5")
            await traffic.start()
            await traffic.at_least(20)
            assert time.monotonic() - began >= STALL_SECONDS / 2
            await until(lambda: time.monotonic() - began > 2 * STALL_SECONDS)
            assert traffic.count()["complete"] == 0
            await until_gauges(
                stack, lambda now: now["tollway_events_stalled"] >= 1 and now["tollway_events_kept"] >= 20
            )
            assert traffic.count()["complete"] == 0
        await recovered(traffic, 50)
        await check(await traffic.stop(), books)
        await at_rest(stack)
        await drained(stack)
        await equals_what_was_sold(books)


async def test_a_spool_stands_in_for_a_stalled_stream(spooling: Stack) -> None:
    """With a spool answers are complete all the same, and their events reach the ledger when JetStream is back."""
    await whole(spooling, WORKERS | {"router": 2})
    folder = spooling.data_dir / "spool"
    async with books_of(spooling) as books:
        async with without_event_stream(spooling):
            traffic = Traffic(spooling, spooling.master_key, 20, "nonce;tokens=5")
            await traffic.start()
            await recovered(traffic, 100)
            results = await traffic.stop()
            assert {result.outcome for result in results} == {"complete"}
            assert list(folder.glob("*.json"))
        await check(results, books, errors=0)
        await until(lambda: not list(folder.glob("*.json")))
        await drained(spooling)
        await equals_what_was_sold(books)


async def test_the_stream_is_back_with_its_consumer(stack: Stack) -> None:
    """Billing made its consumer anew, without a restart."""
    async with on_the_bus(stack, "tollway") as client:
        try:
            consumer = await client.jetstream().consumer_info(subjects.EVENT_STREAM, "billing")
        except NotFoundError:
            pytest.fail("billing did not make its consumer again")
        assert consumer.num_pending == 0
