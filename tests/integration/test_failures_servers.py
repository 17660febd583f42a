"""The broker and the store are killed and frozen under load; all goes on without a restart of any service."""

import time
from collections.abc import Iterator

import pytest

from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.traffic import Traffic, until
from tests.support.trouble import (
    FROZEN_SECONDS,
    PACE,
    SERVICES,
    adds_up,
    at_rest,
    check,
    frozen,
    grown,
    memory,
    recovered,
    whole,
)

WORKERS = dict.fromkeys(SERVICES, 1)
GROWTH = 64 * 1024 * 1024
"""Bytes that a process may grow by in an outage under load: caches and buffers, each of which has its bound."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One worker of each service, none of which ends before the last test."""
    with Stack(tmp_path_factory.mktemp("servers"), workers=WORKERS) as running:
        yield running


@pytest.mark.parametrize("server", ["nats-server", "store"])
async def test_a_killed_server_comes_back(stack: Stack, books: Books, server: str) -> None:
    """The broker or the store is killed under load and started again."""
    await whole(stack, WORKERS)
    pids = {name: stack.pids(name) for name in SERVICES}
    traffic = Traffic(stack, stack.master_key, 100, PACE)
    await traffic.start()
    await traffic.at_least(200)
    killed = stack.kill(server)
    await until(lambda: stack.pids(server) not in ([], [killed]), 90)
    await recovered(traffic, 300)
    await check(await traffic.stop(), books)
    assert {name: stack.pids(name) for name in SERVICES} == pids
    await at_rest(stack)


@pytest.mark.parametrize("server", ["nats-server", "store"])
async def test_a_frozen_server_is_got_over(stack: Stack, books: Books, server: str) -> None:
    """The broker or the store stands still for 20 s with its connections open; then all goes on."""
    await whole(stack, WORKERS)
    pids = {name: stack.pids(name) for name in SERVICES}
    traffic = Traffic(stack, stack.master_key, 50, PACE)
    await traffic.start()
    await traffic.at_least(100)
    before = memory(stack)
    with frozen(stack.pids(server)):
        began = time.monotonic()
        await until(lambda: time.monotonic() - began > FROZEN_SECONDS)
    assert grown(before, memory(stack)) < GROWTH
    await recovered(traffic, 200)
    await check(await traffic.stop(), books, errors=None if server == "nats-server" else 0)
    assert {name: stack.pids(name) for name in SERVICES} == pids
    await at_rest(stack)
    await adds_up(books)
