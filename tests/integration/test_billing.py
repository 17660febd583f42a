"""Completion events become ledger documents exactly once, on a real nats-server and a real store."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.billing.app import build
from shared.bus import consumer, subjects
from shared.bus.connection import Bus
from shared.bus.consumer import Event, EventConsumer
from shared.bus.setup import ensure_streams
from shared.bus.worker import Worker, new_worker_id
from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion, encode_completion
from shared.settings import Configuration, Runtime
from shared.store import entries
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.pages import Wanted
from shared.store.setup import ensure_indexes
from shared.store.verification import verify
from tests.support.nats_server import NatsServer
from tests.support.store_server import StoreServer

ROOT = Path(__file__).parents[2]
Eventually = Callable[..., Any]


def completion(number: int, *, key: str = "k", **fields: Any) -> Completion:
    """Return a completion that cost something; its id is made of its number."""
    attempt = Attempt(
        id=f"a{number}", deployment="d", provider="demo", model="demo", started=1.0, ended=2.0, outcome="success",
        status=200, usage=Usage(input=number % 7, output=3), cost=1000 + number,
    )  # fmt: skip
    given: dict[str, Any] = {
        "request_id": f"r{number}", "route": "chat_completions", "dialect": "openai", "model_group": "demo",
        "outcome": "success", "status": 200, "received": time.time(), "ended": time.time(), "key": key,
        "attempts": (attempt,),
    }  # fmt: skip
    return Completion(**given | fields)


def message(completions: Sequence[Completion], *raw: bytes) -> bytes:
    """Return an event as the group commit makes it."""
    return b'{"completions":[' + b",".join([*map(encode_completion, completions), *raw]) + b"]}"


class Books:
    """What was sent, and what stands in the store."""

    def __init__(self, bus: Bus, store: Store) -> None:
        self.bus = bus
        self.store = store
        self.sent: dict[str, Completion] = {}

    async def send(self, completions: Sequence[Completion], *raw: bytes) -> None:
        """Store one event in JetStream."""
        self.sent |= {item.request_id: item for item in completions}
        await self.bus.jetstream.publish(subjects.COMPLETION_FINISHED, message(completions, *raw))

    async def settled(self, timeout: float = 120.0) -> None:
        """Wait until the event stream is empty."""
        async with asyncio.timeout(timeout):
            while (await self.bus.jetstream.stream_info(subjects.EVENT_STREAM)).state.messages:
                await asyncio.sleep(0.05)

    async def balance(self) -> None:
        """Assert that documents, rollups and listings are what was sent, once each."""
        found = {item["_id"]: item async for item in self.store.database.ledger.find({})}
        assert {id: entries.completion_of(item) for id, item in found.items()} == self.sent
        assert (await verify(self.store, "books", lambda what, more: None)).differences == ()
        ledger = Ledger(self.store)
        listed = await ledger.listing.newest(Wanted(), since=0, until=time.time() + 1, limit=len(self.sent) + 1)
        assert sorted(item["_id"] for item in listed) == sorted(self.sent)


@pytest.fixture
def store_server(tmp_path: Path) -> Iterator[StoreServer]:
    """Run a store of its own."""
    with StoreServer(tmp_path / "store") as server:
        yield server


@pytest.fixture
async def books(nats_server: NatsServer, store_server: StoreServer) -> AsyncIterator[Books]:
    """Return the streams and the store, empty."""
    bus = await Bus.connect(nats_server.url, name="test", inbox="test")
    await ensure_streams(bus)
    store = Store.open(store_server.url)
    await ensure_indexes(store)
    yield Books(bus, store)
    await store.close()
    await bus.close()


@pytest.fixture
def billing(nats_server: NatsServer, store_server: StoreServer) -> Any:
    """Return a context manager that runs a billing worker in this process."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Worker]:
        bus = await Bus.connect(nats_server.url, name="billing", inbox="billing")
        worker = Worker(bus, "billing", new_worker_id())
        await worker.start()
        runtime = Runtime("billing", Configuration(), nats_server.url, mongodb_url=store_server.url)
        try:
            async with build(worker, runtime):
                yield worker
        finally:
            await worker.close()
            await bus.close()

    return run


async def test_events_become_documents_rollups_and_listings(books: Books, billing: Any) -> None:
    """What was sent stands in the ledger, and the stream is empty after it."""
    async with billing():
        await books.send([completion(n, key=f"k{n % 3}") for n in range(20)])
        await books.send([completion(20, status=502, outcome="failure")])
        await books.settled()
    await books.balance()
    assert await Ledger(books.store).key_spend("k1") == sum(1000 + n for n in range(1, 20, 3))


async def test_duplicates_and_two_workers_count_once(books: Books, billing: Any, eventually: Eventually) -> None:
    """The same completions in many messages, in other company each time, taken by two workers at once."""
    all_of_them = [completion(n, key=f"k{n % 5}") for n in range(600)]
    for start in range(0, 600, 20):
        await books.send(all_of_them[start : start + 20])
        await books.send(all_of_them[max(0, start - 13) : start + 7])
    async with billing() as one, billing() as other:
        for start in range(0, 600, 20):
            await books.send(all_of_them[start : start + 20])
        await books.settled()
        assert _counted(one, "tollway_ledger_documents") + _counted(other, "tollway_ledger_documents") == 600
    await books.balance()


async def test_an_event_whose_write_was_not_acknowledged_comes_again(
    books: Books, billing: Any, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer that dies between write and acknowledgement leaves the same ledger as one that does not."""
    monkeypatch.setattr(consumer, "ACK_WAIT", 3.0)
    monkeypatch.setattr(consumer, "PROGRESS", 1.0)
    taken: list[int] = []
    bus = await Bus.connect(books.bus._client.connected_url.geturl(), name="dying", inbox="billing")  # type: ignore[union-attr]
    ledger = Ledger(books.store)

    async def write_and_die(events: list[Event]) -> None:
        await ledger.write([completion(n) for n in range(5)])
        taken.append(len(events))
        await asyncio.Event().wait()

    dying = EventConsumer(bus, durable="billing", drain_seconds=0.1)
    await dying.start(write_and_die)
    await books.send([completion(n) for n in range(5)])
    await eventually(lambda: bool(taken))
    books.sent = {id: entries.completion_of(item) async for item in books.store.database.ledger.find({})
                  for id in (item["_id"],)}  # fmt: skip
    await bus._client.close()
    async with billing() as worker:
        await books.settled()
        assert _counted(worker, "tollway_events_redelivered") >= 1
    await books.balance()


async def test_poison_is_set_aside_with_its_reason_and_nothing_else_is(books: Books, billing: Any) -> None:
    """Bad messages and a bad completion among good ones go to the dead letters; the rest is written."""
    bad = encode_completion(completion(3)).replace(b'"dialect":"openai"', b'"dialect":"klingon"')
    async with billing() as worker:
        await books.bus.jetstream.publish(subjects.COMPLETION_FINISHED, b"not JSON at all")
        await books.send([completion(1), completion(2)], bad)
        await books.bus.jetstream.publish(subjects.COMPLETION_FINISHED, b'{"completions":[]}')
        await books.send([completion(4)])
        await books.settled()
        assert _counted(worker, "tollway_dead_letters") == 3
    await books.balance()
    info = await books.bus.jetstream.stream_info(subjects.DEAD_LETTER_STREAM)
    letters = [
        await books.bus.jetstream.get_msg(subjects.DEAD_LETTER_STREAM, number)
        for number in range(1, info.state.messages + 1)
    ]
    found = {(letter.headers or {})["Tollway-Reason"]: letter.data for letter in letters[:2]}
    assert found == {"malformed": b"not JSON at all", "invalid": bad}
    assert letters[2].data == b'{"completions":[]}'
    assert "klingon" in (letters[1].headers or {})["Tollway-Detail"]


async def test_a_store_that_dies_pauses_billing_and_loses_nothing(
    books: Books, billing: Any, store_server: StoreServer, eventually: Eventually
) -> None:
    """Nothing is a dead letter for it, readiness says what is missing, and the ledger catches up."""
    async with billing() as worker:
        await books.send([completion(n) for n in range(50)])
        await books.settled()
        store_server.stop()
        for number in range(50, 100):
            await books.send([completion(number)])
        await eventually(lambda: worker.missing() == ("database",))
        await asyncio.to_thread(store_server.start)
        await eventually(lambda: worker.missing() == ())
        await books.settled()
        assert _counted(worker, "tollway_dead_letters") == 0
    await books.balance()


async def test_a_frozen_store_holds_billing_up_and_nothing_more(
    books: Books, billing: Any, store_server: StoreServer, eventually: Eventually
) -> None:
    """Stopped in the middle of writes, connections open, and woken: all is written once, by whichever worker."""
    async with billing() as one, billing() as other:
        for number in range(200):
            if number == 20:
                store_server.signal(signal.SIGSTOP)
            await books.send([completion(number * 5 + m) for m in range(5)])
        await eventually(lambda: ("database",) in (one.missing(), other.missing()))
        store_server.signal(signal.SIGCONT)
        await books.settled()
        assert _counted(one, "tollway_dead_letters") + _counted(other, "tollway_dead_letters") == 0
    await books.balance()


async def test_a_store_that_is_away_at_the_start_is_waited_for(
    books: Books, billing: Any, store_server: StoreServer, eventually: Eventually
) -> None:
    """The worker is up, says what is missing, and takes events once the store is there; it also stops before."""
    store_server.stop()
    async with billing() as worker:
        assert worker.missing() == ("database", "event stream")
    async with billing() as worker:
        await books.send([completion(1)])
        await asyncio.to_thread(store_server.start)
        await eventually(lambda: worker.missing() == ())
        await books.settled()
    await books.balance()


async def test_a_restarted_nats_server_goes_on_where_it_was(
    books: Books, billing: Any, nats_server: NatsServer, eventually: Eventually
) -> None:
    """Kill -9 of the broker loses no event, and the consumer finds back without a spin."""
    async with billing() as worker:
        await books.send([completion(1)])
        await books.settled()
        nats_server.stop()
        await eventually(lambda: not worker.bus.connected)
        used = time.process_time()
        await asyncio.sleep(2)
        assert time.process_time() - used < 1.0
        await asyncio.to_thread(nats_server.start)
        await eventually(lambda: worker.bus.connected and books.bus.connected)
        await books.send([completion(2)])
        await books.settled()
    await books.balance()


async def test_workers_that_stop_hand_over(books: Books, billing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rolling restart under load loses nothing; at most what was on its way to who stopped waits for its time-out."""
    monkeypatch.setattr(consumer, "ACK_WAIT", 15.0)
    monkeypatch.setattr(consumer, "PROGRESS", 4.0)
    events = [[completion(n * 10 + m) for m in range(10)] for n in range(200)]
    async with AsyncExitStack() as stack:
        for number, batch in enumerate(events):
            if number % 50 == 0:
                await stack.aclose()
                await stack.enter_async_context(billing())
            await books.send(batch)
        await books.settled()
    await books.balance()


def _counted(worker: Worker, name: str) -> float:
    """Return the sum of a metric's samples."""
    return sum(
        sample.value
        for metric in worker.metrics.registry.collect()
        if metric.name == name
        for sample in metric.samples
        if not sample.name.endswith("_created")
    )


async def test_kill_9_of_billing_under_load_leaves_the_sums_right(
    books: Books, nats_server: NatsServer, store_server: StoreServer
) -> None:
    """Killed at any moment, started again, with duplicates in between: sums equal documents equal events."""
    environment = {"NATS_URL": nats_server.url, "MONGODB_URL": store_server.url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tollway", "serve", "billing"]

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command, env=os.environ | environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    processes = [start(), start()]
    written = 0
    try:
        for number in range(150):
            batch = [completion(number * 8 + m, key=uuid.UUID(int=number % 4).hex) for m in range(8)]
            await books.send(batch)
            if number % 10 == 3:
                await books.send(batch)
            if number % 30 == 29:
                while written <= number * 4:
                    written = len(await books.store.database.ledger.distinct("_id"))
                    await asyncio.sleep(0.05)
                victim = processes.pop(0)
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                processes.append(start())
            await asyncio.sleep(0.005)
        await books.settled()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
    await books.balance()
