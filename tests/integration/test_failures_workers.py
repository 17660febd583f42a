"""Workers are killed, frozen and replaced under load: what callers see, and what is in the ledger."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.traffic import EVERY_PATH, Traffic, until
from tests.support.trouble import FROZEN_SECONDS, PACE, SERVICES, adds_up, at_rest, called_no_more, check, frozen, whole

WORKERS = dict.fromkeys(SERVICES, 2)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two workers of each service; every test leaves it whole."""
    with Stack(tmp_path_factory.mktemp("workers"), workers=WORKERS) as running:
        yield running


@pytest.mark.parametrize("service", SERVICES)
async def test_a_killed_worker_loses_no_finished_answer(stack: Stack, books: Books, service: str) -> None:
    """Kill -9 of one of two workers with 200 requests in flight, on every route, half of them streams."""
    await whole(stack, WORKERS)
    traffic = Traffic(stack, stack.master_key, 200, PACE, paths=EVERY_PATH)
    await traffic.start()
    await traffic.at_least(200)
    killed = stack.kill(service)
    await traffic.at_least(400)
    await until(lambda: killed not in stack.pids(service) and len(stack.pids(service)) == 2)
    await traffic.at_least(200)
    await check(await traffic.stop(), books)


async def test_a_rolling_restart_loses_no_request(stack: Stack, books: Books) -> None:
    """Every worker of every service is replaced under load, and no caller sees an error."""
    await whole(stack, WORKERS)
    before = {name: set(stack.pids(name)) for name in SERVICES}
    traffic = Traffic(stack, stack.master_key, 50, PACE, paths=EVERY_PATH)
    await traffic.start()
    await traffic.at_least(100)
    stack.send(signal.SIGHUP)
    await until(lambda: all(not before[name] & set(stack.pids(name)) for name in before), 250)
    await traffic.at_least(100)
    await check(await traffic.stop(), books, errors=0)


@pytest.mark.parametrize(
    "services", [["edge"], ["auth", "guardrails", "router", "passthrough", "billing"]], ids="+".join
)
async def test_a_frozen_worker_sends_nothing_twice(stack: Stack, books: Books, services: list[str]) -> None:
    """Workers that are stopped for 20 s and wake find their requests gone, on every route; the others serve."""
    await whole(stack, WORKERS)
    traffic = Traffic(stack, stack.master_key, 100, "nonce", paths=EVERY_PATH)
    await traffic.start()
    await traffic.at_least(200)
    with frozen([stack.pids(name)[0] for name in services]):
        began = time.monotonic()
        await traffic.at_least(400)
        await until(lambda: time.monotonic() - began > FROZEN_SECONDS)
    await traffic.at_least(200)
    await check(await traffic.stop(), books)


@pytest.mark.parametrize("seconds", [2.5, 4.0])
async def test_a_short_sleep_sends_nothing_twice_either(stack: Stack, books: Books, seconds: float) -> None:
    """Pauses around the moment at which a request is given to another worker, of each stage in turn."""
    await whole(stack, WORKERS)
    traffic = Traffic(stack, stack.master_key, 60, "nonce")
    await traffic.start()
    for name in ("edge", "auth", "guardrails", "router"):
        await traffic.at_least(100)
        with frozen([stack.pids(name)[0]]):
            began = time.monotonic()
            await until(lambda began=began: time.monotonic() - began > seconds)  # type: ignore[misc]
    await traffic.at_least(100)
    await check(await traffic.stop(), books)


async def test_after_all_that_nothing_is_left_over(stack: Stack, books: Books) -> None:
    """No request, lane, body or event is held, no provider call is open, and the ledger's sums are its entries'."""
    await whole(stack, WORKERS)
    await at_rest(stack)
    await called_no_more(books)
    await adds_up(books)
