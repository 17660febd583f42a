"""Workers, nats-server and the store are killed and frozen under load: what callers see, and what is in the ledger."""

import os
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.traffic import Result, Traffic, until

STAGES = ("edge", "auth", "guardrails", "router")
FROZEN_SECONDS = 20.0
PACE = "nonce;tokens=8;rate=40/s"
"""Answers that take a fifth of a second, so that many are in the middle of a stream at any time."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two workers of each stage; every test leaves it whole."""
    workers = dict.fromkeys((*STAGES, "billing", "admin"), 2)
    with Stack(tmp_path_factory.mktemp("failures"), workers=workers) as running:
        yield running


@pytest.fixture
async def books(stack: Stack) -> AsyncIterator[Books]:
    """The ledger of that stack."""
    books = Books(stack)
    yield books
    await books.close()


async def whole(stack: Stack, workers: int = 2) -> None:
    """Wait until all processes are there."""
    await until(lambda: all(len(stack.pids(name)) == workers for name in STAGES), 60)


async def check(results: list[Result], books: Books, *, errors: int | None = None) -> None:
    """Hold what must be true whatever died: nothing wrong, cut or late, and each answer once in the ledger."""
    faults = [result for result in results if result.outcome not in ("complete", "error")]
    assert faults == []
    complete = [result.request_id for result in results if result.outcome == "complete"]
    assert complete
    entries = await books.entries(complete)
    assert set(entries) == set(complete)
    assert {entry["outcome"] for entry in entries.values()} == {"success"}
    if errors is not None:
        told = [result for result in results if result.outcome == "error"]
        assert len(told) <= errors, [result.detail for result in told[:5]]
    sold = await books.sold()
    repeated = {nonce for nonce in sold["nonces"]["repeated"] if any(nonce == result.nonce for result in results)}
    assert repeated == set(), "a request reached the provider twice"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", [*STAGES, "billing", "admin"])
async def test_a_killed_worker_loses_no_finished_answer(stack: Stack, books: Books, service: str) -> None:
    """Kill -9 of one of two workers with 200 requests in flight, half of them streams."""
    await whole(stack)
    traffic = Traffic(stack, stack.master_key, 200, PACE)
    await traffic.start()
    await traffic.at_least(200)
    killed = stack.kill(service)
    await traffic.at_least(400)
    await until(lambda: killed not in stack.pids(service) and len(stack.pids(service)) == 2)
    await traffic.at_least(200)
    await check(await traffic.stop(), books)


@pytest.mark.timeout(300)
async def test_a_rolling_restart_loses_no_request(stack: Stack, books: Books) -> None:
    """Every worker of every service is replaced under load, and no caller sees an error."""
    await whole(stack)
    before = {name: set(stack.pids(name)) for name in (*STAGES, "billing", "admin")}
    traffic = Traffic(stack, stack.master_key, 50, PACE)
    await traffic.start()
    await traffic.at_least(100)
    stack.send(signal.SIGHUP)
    await until(lambda: all(not before[name] & set(stack.pids(name)) for name in before), 120)
    await traffic.at_least(100)
    await check(await traffic.stop(), books, errors=0)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", STAGES)
async def test_a_frozen_worker_sends_nothing_twice(stack: Stack, books: Books, service: str) -> None:
    """A worker that is stopped for 20 s and wakes finds its requests gone; the other one serves meanwhile."""
    await whole(stack)
    traffic = Traffic(stack, stack.master_key, 100, "nonce")
    await traffic.start()
    await traffic.at_least(200)
    pid = stack.kill(service, 0, signal.SIGSTOP)
    frozen = time.monotonic()
    try:
        await traffic.at_least(200)
        await until(lambda: time.monotonic() - frozen > FROZEN_SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)
    await traffic.at_least(200)
    await check(await traffic.stop(), books)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("server", ["nats-server", "store"])
async def test_a_killed_server_comes_back(stack: Stack, books: Books, server: str) -> None:
    """The broker or the store is killed under load and started again: all goes on without a restart of a service."""
    await whole(stack)
    before = {name: stack.pids(name) for name in STAGES}
    traffic = Traffic(stack, stack.master_key, 100, PACE)
    await traffic.start()
    await traffic.at_least(200)
    killed = stack.kill(server)
    await until(lambda: stack.pids(server) not in ([], [killed]), 60)
    done = len([result for result in traffic.results if result.outcome == "complete"])
    await until(lambda: len([r for r in traffic.results if r.outcome == "complete"]) > done + 300, 60)
    await check(await traffic.stop(), books)
    assert {name: stack.pids(name) for name in STAGES} == before


@pytest.mark.timeout(240)
@pytest.mark.parametrize("server", ["nats-server", "store"])
async def test_a_frozen_server_is_got_over(stack: Stack, books: Books, server: str) -> None:
    """The broker or the store stands still for 20 s with its connections open; then all goes on."""
    await whole(stack)
    traffic = Traffic(stack, stack.master_key, 50, PACE)
    await traffic.start()
    await traffic.at_least(100)
    pid = stack.kill(server, 0, signal.SIGSTOP)
    frozen = time.monotonic()
    try:
        await until(lambda: time.monotonic() - frozen > FROZEN_SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)
    done = len([result for result in traffic.results if result.outcome == "complete"])
    await until(lambda: len([r for r in traffic.results if r.outcome == "complete"]) > done + 200, 60)
    await check(await traffic.stop(), books)
