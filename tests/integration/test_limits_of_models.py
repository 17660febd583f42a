"""Deployments and model groups with limits of their own, over two routers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from shared.bus import subjects
from shared.bus.connection import Bus
from shared.schemas.limits import Limits
from tests.support.limited import Answer, ask, burst, limited_key, statuses
from tests.support.managing import Management
from tests.support.stack import Stack
from tests.support.traffic import until
from tests.support.trouble import all_gauges, whole

WORKERS = {"router": 2, "auth": 2}
DEMO = {"provider": "demo", "model": "demo"}
CONFIG = {
    "models": [
        {"model_name": "shared", "deployments": [{**DEMO, "id": "a", "rpm": 20}, {**DEMO, "id": "b", "rpm": 30}]},
        {"model_name": "capped", "rpm": 25, "deployments": [{**DEMO, "id": "c"}, {**DEMO, "id": "d", "rpm": 20}]},
        {"model_name": "narrow", "max_parallel_requests": 3, "deployments": [{**DEMO, "id": "e"}]},
        {
            "model_name": "spilling",
            "deployments": [{**DEMO, "id": "first", "rpm": 10}, {**DEMO, "id": "rest", "weight": 0}],
        },
        {"model_name": "counted", "deployments": [{**DEMO, "id": "f", "tpm": 600}]},
        {"model_name": "free", "deployments": [{**DEMO, "id": "g"}]},
    ]
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two routers, two auth workers."""
    with Stack(tmp_path_factory.mktemp("shares"), workers=WORKERS, config=CONFIG) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a bound of its own."""
    async with aiohttp.ClientSession(stack.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def test_deployments_share_what_they_may_get(stack: Stack, http: aiohttp.ClientSession) -> None:
    """A request that finds one deployment full goes to the other; when all are full, it is told to come again."""
    key = await limited_key(stack, Limits(rpm=1000))
    answers = await burst(http, key, 120, model="shared")
    assert statuses(answers) == {200: 50, 429: 70}
    refused = next(answer for answer in answers if answer.status == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 62
    assert json.loads(refused.text)["error"]["code"] == "rate_limit_exceeded"
    assert refused.headers["x-ratelimit-limit-requests"] in {"20", "30"}
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-tollway-limit-scope"] == "deployment"
    assert refused.headers["x-tollway-limit-measure"] == "requests"
    served = [answer.headers["x-tollway-model-id"] for answer in answers if answer.status == 200]
    assert (served.count("a"), served.count("b")) == (20, 30)


async def test_anthropics_clients_are_told_in_their_dialect(stack: Stack, http: aiohttp.ClientSession) -> None:
    """The same refusal, streamed or not, has their error shape and the same headers."""
    key = await limited_key(stack, Limits())
    await burst(http, key, 50, model="shared")
    for stream in (False, True):
        body = {
            "model": "shared",
            "max_tokens": 5,
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": stream,
        }
        async with http.post("/v1/messages", json=body, headers={"x-api-key": key}) as response:
            assert response.status == 429
            assert int(response.headers["retry-after"]) > 0
            assert (await response.json())["error"]["type"] == "rate_limit_error"


async def test_what_one_deployment_may_not_get_goes_to_the_other(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Of 40 at once exactly 10 reach the one with a limit, and nobody is refused."""
    key = await limited_key(stack, Limits())
    answers = await burst(http, key, 40, model="spilling")
    assert statuses(answers) == {200: 40}
    served = [answer.headers["x-tollway-model-id"] for answer in answers]
    assert (served.count("first"), served.count("rest")) == (10, 30)
    assert {answer.headers["x-tollway-attempts"] for answer in answers} == {"1"}


async def test_tokens_are_estimated_and_set_right(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Two fit by estimate while they run; once they are answered, what they really used leaves room for more."""
    key = await limited_key(stack, Limits())
    answers = await burst(http, key, 3, "latency=2s", model="counted")
    assert statuses(answers) == {200: 2, 429: 1}
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["x-ratelimit-limit-tokens"] == "600"
    assert refused.headers["x-tollway-limit-measure"] == "tokens"
    assert (await served_within(http, key, 60.0)).status == 200
    large = [{"role": "user", "content": "far too many words " * 10_000}]
    assert (await ask(http, key, model="counted", messages=large)).status == 429
    assert (await served_within(http, key, 60.0)).status == 200


async def served_within(http: aiohttp.ClientSession, key: str, seconds: float) -> Answer:
    """Ask until there is room."""
    end = time.monotonic() + seconds
    while (answer := await ask(http, key, model="counted")).status == 429 and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return answer


async def test_limits_over_the_api_count_at_once(stack: Stack, http: aiohttp.ClientSession) -> None:
    """A stored deployment's `rpm` holds, and what it is changed to holds from the next request on."""
    key = await limited_key(stack, Limits())
    async with Management(stack) as manage:
        info = {"id": "stored"}
        params = {"model": "demo/demo", "rpm": 4}
        made = await manage.post("/model/new", model_name="stored", litellm_params=params, model_info=info)
        assert made.status == 200, made.text
        assert statuses(await burst(http, key, 10, model="stored")) == {200: 4, 429: 6}
        changed = await manage.post("/model/update", model_info=info, litellm_params={"rpm": 7})
        assert changed.status == 200, changed.text
        end = time.monotonic() + 60
        answers: list[Answer] = []
        while not statuses(answers)[200] and time.monotonic() < end:
            answers = await burst(http, key, 10, model="stored")
        assert statuses(answers)[200] <= 3
        assert statuses(answers + await burst(http, key, 10, model="stored"))[200] == 3


async def test_models_without_limits_ask_nobody(stack: Stack, http: aiohttp.ClientSession) -> None:
    """No question, no settlement: the limiter hears nothing of such requests."""
    before = (await all_gauges(stack))["tollway_limit_decisions_total"]
    assert statuses(await burst(http, stack.master_key, 20, model="free")) == {200: 20}
    assert (await all_gauges(stack))["tollway_limit_decisions_total"] == before
    assert statuses(await burst(http, stack.master_key, 20, model="spilling")) == {200: 20}
    assert (await all_gauges(stack))["tollway_limit_decisions_total"] > before


async def test_a_model_group_has_a_limit_over_all_its_deployments(stack: Stack, http: aiohttp.ClientSession) -> None:
    """The group's limit holds though its deployments have room."""
    key = await limited_key(stack, Limits())
    answers = await burst(http, key, 60, model="capped")
    assert statuses(answers) == {200: 25, 429: 35}
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["x-tollway-limit-scope"] == "model_group"


async def test_slots_of_a_model_come_back(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Three at a time, again and again, failed and streamed ones included, and those whose clients leave."""
    key = await limited_key(stack, Limits())
    await three_pass(http, key)
    for number, behaviour in enumerate(("", "error=500", "cut=1")):
        await burst(http, key, 10, behaviour, model="narrow", stream=number % 2 == 0)
    await three_pass(http, key)


async def three_pass(http: aiohttp.ClientSession, key: str) -> None:
    """Hold that of ten at once three are let through, once the slots of those before them are free; then all leave."""
    async with asyncio.timeout(60):
        passed = 0
        while passed < 3:
            requests = [asyncio.ensure_future(ask(http, key, "latency=5m", model="narrow")) for _ in range(10)]
            await until(lambda requests=requests: sum(request.done() for request in requests) >= 7)  # type: ignore[misc]
            assert {request.result().status for request in requests if request.done()} == {429}
            passed = sum(not request.done() for request in requests)
            for request in requests:
                request.cancel()
            await asyncio.gather(*requests, return_exceptions=True)
    assert passed == 3


async def test_a_router_that_dies_gives_its_slots_back(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Kill -9 of both routers with every slot of the model in their hands: within seconds they are free."""
    key = await limited_key(stack, Limits())
    requests = [asyncio.ensure_future(ask(http, key, "latency=60s", model="narrow")) for _ in range(10)]
    await until(lambda: sum(request.done() for request in requests) == 7)
    for index in range(2):
        stack.kill("router", index)
    struck = time.monotonic()
    await asyncio.gather(*requests)
    await whole(stack, WORKERS)
    while statuses(await burst(http, key, 3, model="narrow"))[200] < 3:
        assert time.monotonic() - struck < 60
        await asyncio.sleep(0.2)


async def test_where_limits_cannot_be_checked_models_without_them_still_answer(tmp_path: Path) -> None:
    """The limiter's journal is gone: 503 with `Retry-After` at the bound, and nothing of it for what has no limits."""
    config = CONFIG | {"limits": {"answer_seconds": 1.5}}
    with Stack(tmp_path, config=config) as stack:
        bus = await Bus.connect(
            stack.nats_url, name="test", inbox="tollway", user="tollway", password=stack.nats_password("tollway")
        )
        await bus.jetstream.delete_stream(subjects.LIMIT_STREAM)
        await bus.close()
        async with aiohttp.ClientSession(stack.url) as http:
            limited = await ask(http, stack.master_key, model="narrow")
            assert limited.status == 503, limited.text
            assert int(limited.headers["retry-after"]) >= 1
            assert 1.0 < limited.ended - limited.began < 30.0
            free = await ask(http, stack.master_key, model="free")
            assert free.status == 200
            assert free.ended - free.began < limited.ended - limited.began
            spilled = await ask(http, stack.master_key, model="spilling")
            assert (spilled.status, spilled.headers["x-tollway-model-id"]) == (200, "rest")
