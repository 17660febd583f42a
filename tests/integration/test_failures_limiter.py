"""Limits and budgets on the whole stack: exact over four auth workers, and whoever dies in the middle."""

import asyncio
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import aiohttp
import pytest

from shared.bus import subjects
from shared.bus.connection import Bus
from shared.pricing.money import NANO
from shared.schemas.limits import Limits
from tests.support.books import Books
from tests.support.limited import Answer, active, ask, burst, limited_key, statuses
from tests.support.stack import Stack
from tests.support.traffic import until
from tests.support.trouble import frozen, until_gauges, whole

WORKERS = {"edge": 2, "auth": 4, "router": 2}
GUARDRAIL = {"name": "words", "type": "banned_words", "mode": "pre_call", "words": ["forbidden-word"]}
CONFIG = {"limits": {"window": "sliding"}, "guardrails": [GUARDRAIL]}
REQUESTS, AT_ONCE, SLOTS = 10_000, 200, 195
LEAVES = "tokens=60;rate=20/s"
"""Such an answer takes three seconds; nobody waits for it."""

ENDS: Mapping[str, tuple[int | str, ...]] = {
    "": (200,), "error=500": (500, 502), "error=429": (429,), "drop": (502,), "tokens=9;cut=2": (200, 502),
    "error_after=1": (200, 502), "garbage=1": (200, 502), "length=short": (200, 502), LEAVES: ("left",),
    "blocked": (400,), "no model": (404,), "wrong": (400,),
}  # fmt: skip
"""What becomes of requests: answered, failed at the provider or half way, given up, refused by each stage; and how they
end then. Some more are refused for want of a slot."""

WAYS = (*[""] * len(ENDS), *ENDS)
OWN_BODIES: Mapping[str, Mapping[str, Any]] = {
    "blocked": {"messages": [{"role": "user", "content": "a forbidden-word"}]},
    "no model": {"model": "nobody-has-this"},
    "wrong": {"messages": []},
}
NONCE = re.compile(r"n\d+x\d+")
TAKEOVER_SECONDS = 2.0
BUSY = 5
"""How many times as long a machine may take on which nothing is free."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Four auth workers; every test leaves it whole."""
    with Stack(tmp_path_factory.mktemp("limits"), workers=WORKERS, config=CONFIG) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a bound of its own."""
    await whole(stack, WORKERS)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(stack.url, connector=connector) as session:
        yield session


@pytest.fixture(scope="module", autouse=True)
def minute(stack: Stack) -> tuple[str, float, float]:
    """A key whose limit is used up, and between which times: a minute passes while the other tests run."""

    async def use_up() -> tuple[str, float, float]:
        key = await limited_key(stack, Limits(rpm=100))
        began = time.time()
        async with aiohttp.ClientSession(stack.url, connector=aiohttp.TCPConnector(limit=0)) as session:
            assert passed(await burst(session, key, 300)) == 100
        return key, began, time.time()

    return asyncio.run(use_up())


def passed(answers: list[Answer]) -> int:
    """Return how many requests were admitted."""
    return statuses(answers)[200]


async def test_a_burst_is_cut_at_exactly_the_limit(stack: Stack, http: aiohttp.ClientSession) -> None:
    """1,000 requests at once over four auth workers against 100 a minute; the rest are told what and when."""
    key = await limited_key(stack, Limits(rpm=100))
    answers = await burst(http, key, 1000)
    assert statuses(answers) == {200: 100, 429: 900}
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["x-ratelimit-limit-requests"] == "100"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-tollway-limit-scope"] == "key"
    remaining = {int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answers if answer.status == 200}
    assert remaining == set(range(100))


async def test_every_dialect_is_told(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Anthropic's clients get their error shape; streams carry the headers, too."""
    key = await limited_key(stack, Limits(rpm=1, tpm=100_000))
    answer = await ask(http, key, stream=True)
    assert answer.headers["x-ratelimit-limit-tokens"] == "100000"
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"
    body = {"model": "demo", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
    async with http.post("/v1/messages", json=body, headers={"x-api-key": key}) as response:
        assert response.status == 429
        assert int(response.headers["retry-after"]) > 0
        assert (await response.json())["error"]["type"] == "rate_limit_error"


async def test_who_may_wait_gets_its_turn(stack: Stack, http: aiohttp.ClientSession) -> None:
    """One slot, and twenty requests that would rather wait than be refused: all are answered, one after the other."""
    key = await limited_key(stack, Limits(parallel=1), wait_for_room=20.0)
    assert statuses(await burst(http, key, 20)) == {200: 20}


async def test_ten_thousand_requests_end_in_every_way(stack: Stack, http: aiohttp.ClientSession) -> None:
    """With 200 in flight, each with a nonce: no answer reaches another caller, and in the end every slot is free."""
    key = await limited_key(stack, Limits(parallel=SLOTS, max_budget=1000 * NANO))
    turn = asyncio.Semaphore(AT_ONCE)
    ended: Counter[str] = Counter()

    async def end(number: int) -> None:
        nonce, way = f"n{number}x{number * 7919}", WAYS[number % len(WAYS)]
        body = {"user": nonce, "stream": number % 3 == 0} | OWN_BODIES.get(way, {})
        async with turn:
            try:
                async with asyncio.timeout(number % 7 * 0.05 if way == LEAVES else None):
                    answer = await ask(http, key, f"nonce;{way}" if way not in OWN_BODIES else "nonce", **body)
            except TimeoutError:
                ended[f"{way} left"] += 1
                return
        assert set(NONCE.findall(answer.text)) <= {nonce}
        if way == "" and answer.status == 200:
            assert "".join(re.findall(r'"content":"([^"]*)"', answer.text)).strip() == nonce
        ended[f"{way} {answer.status}"] += 1

    await asyncio.gather(*[end(number) for number in range(REQUESTS)])
    assert {way for way in WAYS if any(ended[f"{way} {end}"] for end in ENDS[way])} == set(WAYS), ended
    await until_settled(stack)
    assert statuses(await burst(http, key, SLOTS, "latency=1s")) == {200: SLOTS}
    await until_settled(stack)


async def until_settled(stack: Stack, timeout: float = 60.0) -> None:
    """Wait until nobody has anything left for the limiter, and nothing is held there."""
    end = time.monotonic() + timeout
    while True:
        async with aiohttp.ClientSession(stack.url) as session, session.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        held = [line for line in lines if line.startswith(("tollway_limit_unsettled", "tollway_limit_state{"))]
        busy = [line for line in held if ("unsettled" in line or 'table="holds"' in line) and not line.endswith(" 0.0")]
        if held and not busy:
            return
        assert time.monotonic() < end, busy
        await asyncio.sleep(0.2)


async def until_held(stack: Stack, number: int, timeout: float = 60.0) -> None:
    """Wait until every auth worker knows of so many requests in flight."""
    end = time.monotonic() + timeout
    while min(held := await holds(stack), default=0) < number:
        assert time.monotonic() < end, f"{held} requests are in flight instead of {number}"
        await asyncio.sleep(0.1)


async def holds(stack: Stack) -> set[int]:
    """Return how many requests hold something, as each auth worker that answered knows it."""
    async with aiohttp.ClientSession(stack.url) as session, session.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    found = [line for line in lines if line.startswith("tollway_limit_state{") and 'table="holds"' in line]
    return {round(float(line.rpartition(" ")[2])) for line in found}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda number: number.name)
async def test_another_takes_over_and_the_limit_holds(
    stack: Stack, http: aiohttp.ClientSession, number: signal.Signals
) -> None:
    """The active limiter is killed, or frozen, in the middle of a burst: never more than the limit, and soon again."""
    key = await limited_key(stack, Limits(rpm=100))
    before = active(stack)
    answers = await burst(http, key, 40)
    requests = [asyncio.ensure_future(ask(http, key)) for _ in range(200)]
    await asyncio.sleep(0.02)
    os.kill(before, number)
    struck = time.time()
    try:
        await until(lambda: active(stack) != before)
        assert time.time() - struck < BUSY * TAKEOVER_SECONDS
        answers += await asyncio.gather(*requests)
        answers += await burst(http, key, 200)
    finally:
        if number == signal.SIGSTOP:
            os.kill(before, signal.SIGCONT)
    answers += await burst(http, key, 100)
    assert passed(answers) <= 100
    # Requests that a dead worker had in its hands are repeated, or end with an error; all others are exact.
    lost = sum(answer.status not in (200, 429) for answer in answers)
    assert passed(answers) >= 100 - lost


async def test_a_woken_limiter_changes_nothing(stack: Stack, http: aiohttp.ClientSession) -> None:
    """It sleeps with its tables, finds the journal written by another when it wakes, and becomes a stand-by."""
    key = await limited_key(stack, Limits(rpm=50))
    assert passed(await burst(http, key, 30)) == 30
    before, deposed = active(stack), stack.logs("auth").count("limiter.deposed")
    with frozen([before]):
        await until(lambda: active(stack) != before)
        assert passed(await burst(http, key, 10)) == 10
    answers = await burst(http, key, 60)
    assert passed(answers) == 10
    await until(lambda: stack.logs("auth").count("limiter.deposed") > deposed)
    await until_gauges(stack, lambda now: now["tollway_limit_active"] == 1)


async def test_an_edge_that_dies_gives_its_slots_back(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Kill -9 of both edges with every slot in flight: within seconds they are free."""
    key = await limited_key(stack, Limits(parallel=100))
    requests = [asyncio.ensure_future(ask(http, key, "latency=60s")) for _ in range(100)]
    await until_held(stack, 100)
    for pid in stack.pids("edge"):
        os.kill(pid, signal.SIGKILL)
    struck = time.monotonic()
    await asyncio.gather(*requests)
    await whole(stack, WORKERS)
    while passed(await burst(http, key, 100)) < 100:
        assert time.monotonic() - struck < 60
        await asyncio.sleep(0.3)


async def test_a_budget_for_ten_is_overspent_by_one_at_most(stack: Stack, http: aiohttp.ClientSession) -> None:
    """1,000 requests at once, half of them streams; what is over is refused before any provider is called."""
    free = await limited_key(stack, Limits())
    price = round(float((await ask(http, free)).headers["x-tollway-cost"]) * NANO)
    assert price > 0
    key = await limited_key(stack, Limits(max_budget=price * 10))
    answers: list[Answer] = []
    end = time.monotonic() + 60
    while not any(answer.status == 400 for answer in answers):
        assert time.monotonic() < end
        answers += await asyncio.gather(*[ask(http, key, stream=number % 2 == 0) for number in range(250)])
    assert 10 <= passed(answers) <= 11
    refused = next(answer for answer in answers if answer.status == 400)
    assert json.loads(refused.text)["error"]["type"] == "budget_exceeded"
    assert "Budget has been exceeded! Current cost: " in refused.text


@pytest.mark.parametrize("service", ["router", "auth", "edge"])
async def test_a_budget_holds_while_workers_die(stack: Stack, http: aiohttp.ClientSession, service: str) -> None:
    """What was sent to a provider and has no event yet stands as spent: no more is sold than one request too many."""
    free = await limited_key(stack, Limits())
    price = round(float((await ask(http, free)).headers["x-tollway-cost"]) * NANO)
    key = await limited_key(stack, Limits(max_budget=price * 10))
    alias = f"budget-{service}-{time.time_ns()}"
    requests = [asyncio.ensure_future(ask(http, key, "nonce;latency=100ms", user=f"{alias}-{n}")) for n in range(200)]
    await asyncio.sleep(0.3)
    stack.kill(service)
    answers = await asyncio.gather(*requests)
    await whole(stack, WORKERS)
    end = time.monotonic() + 90
    while not any(answer.status == 400 for answer in answers):
        assert time.monotonic() < end, statuses(answers)
        more = [ask(http, key, "nonce", user=f"{alias}-{n}-{time.time_ns()}") for n in range(20)]
        answers += await asyncio.gather(*more)
    spent = json.loads(next(answer.text for answer in answers if answer.status == 400))["error"]["message"]
    assert "Budget has been exceeded!" in spent
    costs = [float(answer.headers["x-tollway-cost"]) * NANO for answer in answers if answer.status == 200]
    assert sum(costs) <= price * 10 + max(costs)


async def test_a_minute_later_there_is_room_again(
    stack: Stack, http: aiohttp.ClientSession, minute: tuple[str, float, float]
) -> None:
    """A limit that was used up before everything died is whole again 60 s after its last request, and not before."""
    key, began, ended = minute
    early = await ask(http, key)
    assert early.status == 429 or early.ended > began + 60
    await asyncio.sleep(max(0.0, max(ended, early.ended if early.status == 200 else 0.0) + 60.5 - time.time()))
    assert statuses(await burst(http, key, 300)) == {200: 100, 429: 200}


async def test_without_a_journal_budgets_are_read_from_the_ledger(
    stack: Stack, http: aiohttp.ClientSession, books: Books
) -> None:
    """The journal is gone and every auth worker with it: what was spent still counts, and requests wait for that."""
    free = await limited_key(stack, Limits())
    price = round(float((await ask(http, free)).headers["x-tollway-cost"]) * NANO)
    key = await limited_key(stack, Limits(max_budget=price * 5 + price // 2))
    spent = [await ask(http, key) for _ in range(5)]
    assert statuses(spent) == {200: 5}
    # What no event told of yet is not in the ledger either.
    assert len(await books.entries([answer.headers["x-tollway-request-id"] for answer in spent])) == 5
    for pid in stack.pids("auth"):
        os.kill(pid, signal.SIGSTOP)
    bus = await Bus.connect(
        stack.nats_url, name="test", inbox="tollway", user="tollway", password=stack.nats_password("tollway")
    )
    await bus.jetstream.purge_stream(subjects.LIMIT_STREAM)
    await bus.close()
    for pid in stack.pids("auth"):
        os.kill(pid, signal.SIGKILL)
    await whole(stack, WORKERS)
    answers = await burst(http, key, 50)
    assert passed(answers) == 1
    assert (await ask(http, key)).status == 400
