"""Windows of a limit on the whole stack with four auth workers: ten of them, and whoever dies in the middle of one."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from shared.schemas.limits import Limits
from tests.support.limited import Answer, active, admissions, ask, burst, limited_key, statuses
from tests.support.stack import Stack
from tests.support.trouble import whole

WORKERS = {"auth": 4}
LIMIT, WINDOWS = 40, 10
CROWD, FEW = 52, 12
"""Requests of one burst, and of one on the boundary."""
SECONDS = {"fixed": 3, "sliding": 2}
"""A window must have room for a burst, on a slow machine as well; by the clock it has a part of it alone."""


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with short windows."""
    config = {"limits": {"window": request.param, "window_seconds": SECONDS[request.param]}}
    with Stack(tmp_path_factory.mktemp("windows"), workers=WORKERS, config=config) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a bound of its own."""
    await whole(stack, WORKERS)
    async with aiohttp.ClientSession(stack.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@pytest.mark.timeout(120)
@pytest.mark.parametrize("stack", ["sliding"], indirect=True)
@pytest.mark.parametrize("who", ["limiter", "stand-by", "nats-server"])
async def test_whoever_is_killed_in_the_middle(stack: Stack, http: aiohttp.ClientSession, who: str) -> None:
    """Kill -9 in the middle of a burst: no window holds more than the limit, and a later one holds all of it again."""
    key, seconds = await limited_key(stack, Limits(rpm=LIMIT)), SECONDS["sliding"]
    before, dying = await burst(http, key, LIMIT // 2), victim(stack, who)
    during = [asyncio.ensure_future(ask(http, key)) for _ in range(2 * CROWD)]
    _, waiting = await asyncio.wait(during, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    os.kill(dying, signal.SIGKILL)
    assert 0 < len(waiting) < len(during)
    answers = [*before, *await asyncio.gather(*during)]
    await whole(stack, WORKERS)
    await until_time(time.time() + seconds)
    after = await burst(http, key, CROWD)
    assert statuses(after) == {200: LIMIT, 429: CROWD - LIMIT}
    taken = await admissions(stack, key)
    assert_never_more(taken, seconds)
    assert statuses([*answers, *after])[200] <= len(taken)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("stack", "kind"), [("sliding", "sliding"), ("fixed", "fixed")], indirect=["stack"])
async def test_ten_windows(stack: Stack, http: aiohttp.ClientSession, kind: str) -> None:
    """Bursts right before and right after the boundary: what the journal admitted, and what clients were told."""
    key, seconds = await limited_key(stack, Limits(rpm=LIMIT)), SECONDS[kind]
    await burst(http, await limited_key(stack, Limits(rpm=10**6)), CROWD)
    if kind == "fixed":
        answers = await at_boundaries_of_the_clock(http, key, seconds)
        taken = await admissions(stack, key)
        assert sorted(Counter(int(at // seconds) for at in taken).values()) == [LIMIT] * WINDOWS
    else:
        answers = await behind_each_other(http, key, seconds)
        taken = await admissions(stack, key)
        assert_never_more(taken, seconds)
    assert statuses(answers).keys() == {200, 429}
    assert statuses(answers)[200] == len(taken) >= LIMIT * WINDOWS
    waits = [int(answer.headers["retry-after"]) for answer in answers if answer.status == 429]
    assert 1 <= min(waits) <= max(waits) <= seconds


def victim(stack: Stack, who: str) -> int:
    """Return the process id of whoever is to die."""
    if who in ("limiter", "stand-by"):
        limiter = active(stack)
        return limiter if who == "limiter" else next(pid for pid in stack.pids("auth") if pid != limiter)
    return stack.pids(who)[0]


def assert_never_more(taken: list[float], seconds: int) -> None:
    """Hold that no span of a window's length has more admissions than the limit."""
    taken = sorted(taken)
    assert min(later - earlier for earlier, later in zip(taken, taken[LIMIT:], strict=False)) >= seconds


async def at_boundaries_of_the_clock(http: aiohttp.ClientSession, key: str, seconds: int) -> list[Answer]:
    """Use up a window before it ends, and the next as it begins, with a burst on the boundary; five times over."""
    answers: list[Answer] = []
    for _ in range(WINDOWS // 2):
        boundary = (time.time() // (2 * seconds) + 1) * 2 * seconds + seconds
        await until_time(boundary - 0.85 * seconds)
        last = asyncio.ensure_future(burst(http, key, CROWD))
        await until_time(boundary - 0.05)
        between = asyncio.ensure_future(burst(http, key, FEW))
        await until_time(boundary)
        answers += await burst(http, key, CROWD)
        answers += [*await last, *await between]
    return answers


async def behind_each_other(http: aiohttp.ClientSession, key: str, seconds: int) -> list[Answer]:
    """Send a burst, one right before its window is over, which gets nothing, and the next right behind it."""
    answers: list[Answer] = []
    for _ in range(WINDOWS):
        crowd = await burst(http, key, CROWD)
        passed = [answer for answer in crowd if answer.status == 200]
        assert len(passed) == LIMIT
        await until_time(min(answer.began for answer in passed) + seconds - 0.1)
        early = await burst(http, key, FEW)
        answers += [*crowd, *early]
        await until_time(max(answer.ended for answer in [*passed, *early] if answer.status == 200) + seconds)
    return answers


async def until_time(moment: float) -> None:
    """Wait for a time of the clock (Unix seconds)."""
    await asyncio.sleep(max(0.0, moment - time.time()))
