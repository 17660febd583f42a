"""Deployments and model groups with limits of their own, over two routers."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from shared.schemas.limits import Limits
from tests.support.limited import ask, burst, limited_key, statuses
from tests.support.stack import Stack

DEMO = {"provider": "demo", "model": "demo"}
CONFIG = {
    "models": [
        {"model_name": "shared", "deployments": [{**DEMO, "id": "a", "rpm": 20}, {**DEMO, "id": "b", "rpm": 30}]},
        {"model_name": "capped", "rpm": 25, "deployments": [{**DEMO, "id": "c"}, {**DEMO, "id": "d", "rpm": 20}]},
        {"model_name": "narrow", "max_parallel_requests": 3, "deployments": [{**DEMO, "id": "e"}]},
    ]
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two routers, two auth workers."""
    with Stack(tmp_path_factory.mktemp("shares"), workers={"router": 2, "auth": 2}, config=CONFIG) as running:
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
    assert int(refused.headers["retry-after"]) > 0
    assert "limit" in refused.text
    served = [answer.headers["x-tollway-model-id"] for answer in answers if answer.status == 200]
    assert (served.count("a"), served.count("b")) == (20, 30)


async def test_a_model_group_has_a_limit_over_all_its_deployments(stack: Stack, http: aiohttp.ClientSession) -> None:
    """The group's limit holds though its deployments have room."""
    key = await limited_key(stack, Limits())
    assert statuses(await burst(http, key, 60, model="capped")) == {200: 25, 429: 35}


async def test_slots_of_a_model_come_back(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Three at a time, again and again, failed and streamed ones included."""
    key = await limited_key(stack, Limits())
    for number, behaviour in enumerate(("latency=300ms", "error=500", "cut=1", "latency=300ms")):
        answers = await burst(http, key, 10, behaviour, model="narrow", stream=number % 2 == 0)
        if behaviour.startswith("latency"):
            assert statuses(answers) == {200: 3, 429: 7}
    assert (await ask(http, key, model="narrow")).status == 200
