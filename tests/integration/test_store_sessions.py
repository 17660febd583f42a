"""Transactions whose owner is gone stand in nobody's way."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.store.changes import Changes
from shared.store.connection import Driver, Session, Store
from shared.store.setup import ensure_indexes
from tests.support.store_server import StoreServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One server for all tests here."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_the_transaction_of_a_dead_worker_is_ended(server: StoreServer, driver: Driver) -> None:
    """Who is beaten by a worker that nobody hears any more goes first; should that one wake, it begins anew."""
    name = f"t{uuid.uuid4().hex[:8]}"
    asleep = Store.open(server.url, name, driver=driver, owner="asleep", alive=lambda: {"asleep", "awake"})
    awake = Store.open(server.url, name, driver=driver, owner="awake", alive=lambda: {"awake"})
    await ensure_indexes(awake)
    wrote, wake = asyncio.Event(), asyncio.Event()

    async def sleep_in_the_middle(session: Session) -> int:
        change = await Changes(asleep).record("key", "of the sleeper", session)
        wrote.set()
        await wake.wait()
        return change.number

    sleeper = asyncio.create_task(asleep.atomically(sleep_in_the_middle))
    try:
        await asyncio.wait_for(wrote.wait(), 60)
        began = time.monotonic()
        assert (await Changes(awake).record("key", "of the other")).number == 1
        assert time.monotonic() - began < 40
    finally:
        wake.set()
        assert await asyncio.wait_for(sleeper, 60) == 2
        await asleep.close()
        await awake.close()


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_who_is_alive_is_waited_for(server: StoreServer, driver: Driver) -> None:
    """A transaction of a worker that is heard is left alone, however long it takes."""
    name = f"t{uuid.uuid4().hex[:8]}"
    slow = Store.open(server.url, name, driver=driver, owner="slow", alive=lambda: {"slow", "other"})
    other = Store.open(server.url, name, driver=driver, owner="other", alive=lambda: {"slow", "other"})
    await ensure_indexes(other)
    wrote, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(session: Session) -> int:
        change = await Changes(slow).record("key", "of the slow one", session)
        wrote.set()
        await go_on.wait()
        return change.number

    first = asyncio.create_task(slow.atomically(slowly))
    try:
        await asyncio.wait_for(wrote.wait(), 60)
        second = asyncio.create_task(Changes(other).record("key", "of the other"))
        await asyncio.wait({second}, timeout=0.3)
    finally:
        go_on.set()
        assert await asyncio.wait_for(first, 60) == 1
        assert (await asyncio.wait_for(second, 60)).number == 2
        await slow.close()
        await other.close()
