"""What the tests of failures do to a stack, and what must be true of it afterwards."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.stopping import stop
from tests.support.traffic import Result, Traffic, until

STAGES = ("edge", "auth", "guardrails", "router")
SERVICES = (*STAGES, "passthrough", "billing", "admin")
FROZEN_SECONDS = 20.0
PACE = "nonce;tokens=8;rate=40/s"
"""Answers that take a fifth of a second, so that many are in the middle of a stream at any time."""

AT_REST = ("tollway_in_hand", "tollway_lanes", "tollway_events_queued", "tollway_events_kept", "tollway_bodies_held")
"""Gauges that are 0 when nobody asks for anything."""


@contextlib.contextmanager
def frozen(pids: Sequence[int]) -> Iterator[None]:
    """Stop processes for as long as the context lasts, their connections open."""
    try:
        for pid in pids:
            stop(pid)
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def whole(stack: Stack, workers: Mapping[str, int]) -> None:
    """Wait until all processes are there and the gateway says that it is ready."""
    async with aiohttp.ClientSession(stack.url) as session:
        end = time.monotonic() + 90
        while True:
            assert time.monotonic() < end, f"the stack is not whole: {stack.said()[-2000:]}"
            if all(len(stack.pids(name)) == number for name, number in workers.items()):
                told = await _readiness(session)
                if all(told.get(name, 0) == number for name, number in workers.items()):
                    return
            await asyncio.sleep(0.05)


async def _readiness(session: aiohttp.ClientSession) -> dict[str, int]:
    try:
        async with session.get("/health/readiness", timeout=aiohttp.ClientTimeout(total=10)) as response:
            return dict((await response.json())["workers"])
    except (aiohttp.ClientError, TimeoutError):
        return {}


async def recovered(traffic: Traffic, number: int, timeout: float = 90.0) -> None:
    """Wait until so many more requests were answered."""
    wanted = traffic.count()["complete"] + number
    await until(lambda: traffic.count()["complete"] >= wanted, timeout)


async def check(results: Sequence[Result], books: Books, *, errors: int | None = None) -> None:
    """Hold what must be true whatever died: nothing wrong, cut or late, nothing sold twice, each answer entered."""
    assert [result for result in results if result.outcome not in ("complete", "error")] == []
    complete = [result.request_id for result in results if result.outcome == "complete"]
    assert complete
    assert len(set(complete)) == len(complete)
    entries = await books.entries(complete, timeout=90)
    missing = set(complete) - set(entries)
    assert not missing, f"{len(missing)} of {len(complete)} answers are not in the ledger: {sorted(missing)[:3]}"
    assert {entry["outcome"] for entry in entries.values()} == {"success"}
    told = [result for result in results if result.outcome == "error"]
    assert errors is None or len(told) <= errors, [(result.status, result.detail) for result in told[:5]]
    own = {result.nonce for result in results}
    sold = await books.sold()
    assert {nonce: n for nonce, n in sold["nonces"]["repeated"].items() if nonce in own} == {}


async def gauges(stack: Stack) -> dict[str, float]:
    """Return every metric of the stack, summed over its labels and the workers that answered."""
    async with aiohttp.ClientSession(stack.url) as session, session.get("/metrics") as response:
        text = await response.text()
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


async def all_gauges(stack: Stack, timeout: float = 60.0) -> dict[str, float]:
    """Return the same once every worker has answered; what one of them counts is missing otherwise."""
    end = time.monotonic() + timeout
    while (now := await gauges(stack))["tollway_scrape_unanswered"]:
        assert time.monotonic() < end, "not every worker answers the scrape"
    return now


async def until_gauges(stack: Stack, what: Callable[[dict[str, float]], bool], timeout: float = 60.0) -> None:
    """Wait until what every worker counts is so."""
    end = time.monotonic() + timeout
    while not what(now := await all_gauges(stack, timeout)):
        assert time.monotonic() < end, now
        await asyncio.sleep(0.1)


async def at_rest(stack: Stack, timeout: float = 60.0) -> None:
    """Wait until no process holds a request, a lane, a body or an event any more."""
    await until_gauges(stack, lambda now: not any(now.get(name) for name in AT_REST), timeout)


async def called_no_more(books: Books, timeout: float = 30.0) -> None:
    """Wait until the provider has no call open; it hears of the end of the last one a moment later."""
    end = time.monotonic() + timeout
    while open_calls := (await books.sold())["calls"]["open"]:
        assert time.monotonic() < end, f"{open_calls} calls are open"
        await asyncio.sleep(0.05)


async def adds_up(books: Books, timeout: float = 60.0) -> None:
    """Wait until the rollups say what the entries say; between the two looks another entry may be written."""
    end = time.monotonic() + timeout
    while (entered := await books.summed()) != (rolled_up := await books.rolled_up()):
        assert time.monotonic() < end, (entered, rolled_up)
        await asyncio.sleep(0.2)


def memory(stack: Stack) -> dict[int, int]:
    """Return the resident bytes of every process of a service."""
    return {pid: psutil.Process(pid).memory_info().rss for name in SERVICES for pid in stack.pids(name)}


def grown(before: Mapping[int, int], after: Mapping[int, int]) -> int:
    """Return by how many bytes the process that grew most has grown."""
    return max((size - before[pid] for pid, size in after.items() if pid in before), default=0)
