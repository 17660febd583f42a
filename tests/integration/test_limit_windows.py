"""Windows of a limit on the whole stack with four auth workers: ten of them, and whoever dies in the middle of one."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import partial

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
    """Kill -9 under a crowd that goes on asking: no window holds more than the limit, a later one all of it."""
    key, seconds = await limited_key(stack, Limits(rpm=LIMIT)), SECONDS["sliding"]
    answers: list[Answer] = []
    dying, over = victim(stack, who), asyncio.Event()
    crowd = [asyncio.ensure_future(keep_asking(http, key, answers, over)) for _ in range(CROWD)]
    await until_more(answers, LIMIT + CROWD)
    os.kill(dying, signal.SIGKILL)
    await until_more(answers, 2 * CROWD)
    over.set()
    await asyncio.gather(*crowd)
    await whole(stack, WORKERS)
    await until_time(time.time() + seconds)
    after = await burst(http, key, CROWD)
    assert_full(after, seconds)
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
        bursts = await at_boundaries_of_the_clock(http, key, seconds)
        answers = [answer for answers_of_one in bursts for answer in answers_of_one]
        taken = await admissions(stack, key)
        admitted = Counter(int(at // seconds) for at in taken)
        assert max(admitted.values()) == LIMIT
        assert all(admitted[window] == LIMIT for window in map(partial(within, seconds), bursts) if window)
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


async def at_boundaries_of_the_clock(http: aiohttp.ClientSession, key: str, seconds: int) -> list[list[Answer]]:
    """Use up a window before it ends, and the next as it begins, with a burst on the boundary; ten windows."""
    bursts: list[list[Answer]] = []
    while len({window for window in map(partial(within, seconds), bursts) if window}) < WINDOWS:
        boundary = (time.time() // (2 * seconds) + 1) * 2 * seconds + seconds
        await until_time(boundary - 0.85 * seconds)
        last = asyncio.ensure_future(burst(http, key, CROWD))
        await until_time(boundary - 0.05)
        between = asyncio.ensure_future(burst(http, key, FEW))
        await until_time(boundary)
        bursts += [await burst(http, key, CROWD), await last]
        bursts.append(await between)
    return bursts


def within(seconds: int, answers: list[Answer]) -> int | None:
    """Return the window of the clock that holds a whole crowd's burst; None where it needed more than one."""
    first, last = (int(at // seconds) for at in span(answers))
    return first if len(answers) == CROWD and first == last else None


async def behind_each_other(http: aiohttp.ClientSession, key: str, seconds: int) -> list[Answer]:
    """Send a burst, one right before its window is over, which gets nothing, and the next right behind it."""
    answers: list[Answer] = []
    for _ in range(WINDOWS):
        crowd = await burst(http, key, CROWD)
        assert_full(crowd, seconds)
        passed = [answer for answer in crowd if answer.status == 200]
        await until_time(min(answer.began for answer in passed) + seconds - 0.1)
        early = await burst(http, key, FEW)
        answers += [*crowd, *early]
        await until_time(max(answer.ended for answer in [*passed, *early] if answer.status == 200) + seconds)
    return answers


def span(answers: list[Answer]) -> tuple[float, float]:
    """Return when the first of them began and the last ended (Unix seconds)."""
    return min(answer.began for answer in answers), max(answer.ended for answer in answers)


def assert_full(answers: list[Answer], seconds: int) -> None:
    """Hold that a burst in a fresh window got all of the limit, and no more where it fitted into one window."""
    first, last = span(answers)
    assert statuses(answers).keys() <= {200, 429}
    assert statuses(answers)[200] == LIMIT or (last - first >= seconds and statuses(answers)[200] > LIMIT)


async def keep_asking(http: aiohttp.ClientSession, key: str, answers: list[Answer], over: asyncio.Event) -> None:
    """Send one request behind the other, until it is over."""
    while not over.is_set():
        answers.append(await ask(http, key))


async def until_more(answers: list[Answer], number: int) -> None:
    """Wait until so many more requests were answered."""
    async with asyncio.timeout(60):
        wanted = len(answers) + number
        while len(answers) < wanted:
            await asyncio.sleep(0.01)


async def until_time(moment: float) -> None:
    """Wait for a time of the clock (Unix seconds)."""
    await asyncio.sleep(max(0.0, moment - time.time()))
