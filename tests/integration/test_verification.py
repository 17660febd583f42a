"""The ledger against itself: verified, rebuilt, swept, and written again meanwhile; on a real store."""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.schemas.events import Completion
from shared.schemas.scopes import Scope
from shared.store.connection import Store, StoreUnavailable
from shared.store.ledger import Ledger
from shared.store.ledger_pause import LedgerPaused, paused
from shared.store.pages import Wanted
from shared.store.retention import Retention
from shared.store.setup import ensure_indexes
from shared.store.verification import EXPECTED, rebuild, verify
from tests.support.completions import completions
from tests.support.store_server import StoreServer
from tollway.ledger import DIFFERS

ROOT = Path(__file__).parents[2]
DAY = 86_400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One server for all tests here; each test has a database of its own."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.fixture(params=["motor", "pymongo"])
async def store(server: StoreServer, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Return an empty database with its indexes, by each driver in turn."""
    store = Store.open(server.url, f"t{uuid.uuid4().hex[:8]}", driver=request.param)
    await ensure_indexes(store)
    yield store
    await store.close()


def quiet(what: str, more: int) -> None:
    """Hear of progress and say nothing."""


def finished(number: int, *, ended: float, **facts: Any) -> Completion:
    """Return a completion that cost 1,000 nano-dollars."""
    given = {
        "request_id": f"r{number}", "route": "x", "dialect": "openai", "model_group": "g.h", "outcome": "success",
        "status": 200, "received": 0, "ended": ended, "key": f"k{number % 3}", "user": "u", "team": "t", "tags": ["a"],
        "attempts": [
            {"id": f"a{number}", "deployment": "d", "provider": "p", "model": "m", "started": 0, "ended": 1,
             "outcome": "success", "cost": 1000, "usage": {"input": 3, "output": 2}},
        ],
    }  # fmt: skip
    return msgspec.convert(given | facts, Completion)


async def rows_of(store: Store) -> list[Any]:
    """Return all rows but for what a new row takes from its first request alone."""
    found = [row async for row in store.database.rollups.find({}, {"alias": 0})]
    return sorted((row for row in found if any(a for line in row["lines"].values() for a in line.values())), key=str)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(completions("rstuvwxyz"), min_size=1, max_size=14))
def test_what_was_written_is_verified_and_rebuilt_to_the_same(server: StoreServer, events: list[Completion]) -> None:
    """Through repeats, replaced estimates, second attempts and two writers."""

    async def play() -> None:
        store = Store.open(server.url, f"t{uuid.uuid4().hex[:8]}")
        try:
            await ensure_indexes(store)
            one, other = Ledger(store), Ledger(store)
            await asyncio.gather(one.write(events[::2]), other.write(events[1::2]))
            await one.write(events)
            found = await verify(store, "me", quiet)
            assert found.differences == ()
            before = await rows_of(store)
            assert await rebuild(store, "me", quiet) == found.documents
            assert (await verify(store, "me", quiet)).differences == ()
            assert len(await rows_of(store)) <= len(before)
            listed = await one.listing.newest(Wanted(), since=0, until=1e10, limit=100)
            assert len(listed) == found.documents
            await one.write(events)
            assert (await verify(store, "me", quiet)).differences == ()
        finally:
            await store.close()

    asyncio.run(play())


async def test_a_day_that_its_only_request_left_leaves_nothing(store: Store) -> None:
    """An estimate of after midnight that gave way to what really happened before it."""
    ledger = Ledger(store)
    await ledger.write([finished(1, ended=DAY + 1.0, estimated=True)])
    await ledger.write([finished(1, ended=DAY - 1.0)])
    assert (await verify(store, "me", quiet)).differences == ()
    assert await rebuild(store, "me", quiet) == 1
    assert (await verify(store, "me", quiet)).differences == ()
    assert await store.database.ledger_pages.count_documents({}) == 1


async def test_every_kind_of_damage_is_seen_and_mended(store: Store) -> None:
    """In documents, in figures, in parts of a row whose sum is right, and in pages."""
    ledger, database = Ledger(store), store.database
    await ledger.write([finished(n, ended=DAY + n * 700.0) for n in range(60)])
    row = await database.rollups.find_one({"kind": "team"})
    [line] = row["lines"]
    slot, other = list(row["slots"])[:2]
    group = next(iter(row["slots"][slot]))
    damages: list[Callable[[], Any]] = [
        lambda: database.ledger.delete_one({"_id": "r7"}),
        lambda: database.rollups.update_one({"_id": row["_id"]}, {"$inc": {f"lines.{line}.spend": 1}}),
        lambda: database.rollups.update_one({"_id": row["_id"]}, {"$inc": {"spend": -1}}),
        lambda: database.rollups.update_one(
            {"_id": row["_id"]}, {"$inc": {f"slots.{slot}.{group}": 1, f"slots.{other}.{group}": -1}}
        ),
        lambda: database.rollups.delete_one({"kind": "caller"}),
        lambda: database.ledger_pages.delete_one({"slice": DAY // 5}),
        lambda: database.ledger_pages.update_one({"slice": DAY // 5}, {"$set": {"sums.0": 5}}),
    ]
    for damage in damages:
        await damage()
        assert (await verify(store, "me", quiet)).differences
        await rebuild(store, "me", quiet)
        assert (await verify(store, "me", quiet)).differences == ()
    assert await ledger.spent(Scope("team", "t"), 0) == 59_000


async def test_writers_wait_while_the_ledger_is_read_and_lose_nothing(store: Store) -> None:
    """Two write all the time; verifications and rebuilds in between find sums that agree, each time."""
    stop = asyncio.Event()
    written: set[str] = set()

    async def write(number: int) -> None:
        ledger, n = Ledger(store), number
        while not stop.is_set():
            try:
                batch = [finished(n + m * 2, ended=time.time()) for m in range(5)]
                await ledger.write(batch)
                written.update(item.request_id for item in batch)
                n += 10
            except LedgerPaused:
                await asyncio.sleep(0.02)
            except StoreUnavailable:
                await asyncio.sleep(0.01)

    writers = [asyncio.create_task(write(number)) for number in (0, 1)]
    try:
        for _ in range(3):
            await asyncio.sleep(0.2)
            assert (await verify(store, "me", quiet)).differences == ()
            await rebuild(store, "me", quiet)
    finally:
        stop.set()
        await asyncio.gather(*writers)
    found = await verify(store, "me", quiet)
    assert (found.documents, found.differences) == (len(written), ())


async def test_one_pauses_the_ledger_at_a_time_and_none_for_ever(store: Store) -> None:
    """A second one is refused; a pause whose owner died ends by itself."""
    async with paused(store, "one"):
        with pytest.raises(LedgerPaused):
            await verify(store, "other", quiet)
        with pytest.raises(LedgerPaused):
            await Ledger(store).write([finished(1, ended=1.0)])
        await store.database.ledger_state.update_one({}, {"$set": {"paused_until": time.time() - 1}})
        assert await Ledger(store).write([finished(1, ended=1.0)]) == 1
        assert (await verify(store, "other", quiet)).documents == 1


async def test_what_is_past_its_retention_goes_and_its_sums_stay(store: Store) -> None:
    """Whole days, by one worker an hour; the ledger verifies and rebuilds all the same."""
    now = 1_700_000_000.0
    ledger = Ledger(store)
    await ledger.write([finished(n, ended=now - n * DAY / 4) for n in range(40)])
    workers = [Retention(store, 3), Retention(store, 3)]
    swept = await asyncio.gather(*[worker.sweep(now) for worker in workers])
    assert sorted(swept, key=str) == [24, None]
    left = await ledger.listing.newest(Wanted(), since=0, until=now + 1, limit=100)
    assert [item["_id"] for item in left] == [f"r{n}" for n in range(16)]
    assert await ledger.spent(Scope("team", "t"), 0) == 40_000
    found = await verify(store, "me", quiet)
    assert (found.documents, found.first_day, found.differences) == (16, "2023-11-11", ())
    await rebuild(store, "me", quiet)
    assert await ledger.spent(Scope("team", "t"), 0) == 40_000
    assert (await verify(store, "me", quiet)).differences == ()
    assert await workers[1].sweep(now + 1) is None
    assert await workers[1].sweep(now + 2 * DAY) == 8


async def test_the_command_says_what_differs(server: StoreServer, tmp_path: Path) -> None:
    """With an exit code that a script can tell from a failure, and words that say what to do."""
    store = Store.open(server.url, "tollway")
    await store.client.drop_database("tollway")
    await ensure_indexes(store)
    await Ledger(store).write([finished(n, ended=DAY + n) for n in range(3)])
    url = {"MONGODB_URL": server.url}
    good = await run(url, "verify")
    assert (good.returncode, "All sums agree" in good.stdout, "3 documents" in good.stdout) == (0, True, True)
    await store.database.ledger.delete_one({"_id": "r1"})
    bad = await run(url, "verify")
    assert bad.returncode == DIFFERS
    assert all(word in bad.stdout for word in ("1970-01-02", "team", "2,000", "3,000", "ledger rebuild"))
    assert (await run(url, "rebuild")).returncode == 0
    assert (await run(url, "verify")).returncode == 0
    away = await run({}, "verify", "--data-dir", str(tmp_path))
    assert (away.returncode, "no 'tollway up' runs" in away.stderr) == (1, True)
    await store.close()


async def run(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `tollway ledger`."""
    plain = {name: value for name, value in os.environ.items() if name not in ("MONGODB_URL", "NATS_URL")}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tollway", "ledger", *arguments],
        env=plain | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


async def test_a_verification_says_first_how_much_there_is_to_read(store: Store) -> None:
    """So that who watches knows how long it takes; over several days it reads each document once."""
    await Ledger(store).write([finished(number, ended=number * DAY / 2 + 100) for number in range(5)])
    heard: list[tuple[str, int]] = []
    found = await verify(store, "me", lambda what, more: heard.append((what, more)))
    assert heard[0] == (EXPECTED, 5)
    assert sum(more for what, more in heard if what == "documents") == found.documents == 5
    assert (found.spend, found.differences) == (5000, ())
