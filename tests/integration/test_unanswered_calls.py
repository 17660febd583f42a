"""Provider calls that end before anything of an answer came: what the provider will bill is in the ledger."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.traffic import MESSAGES

INPUT = 8
"""Tokens of the prompt, by our own count."""
INPUT_COST = INPUT * 1000


def deployment(behaviour: str, **fields: Any) -> dict[str, Any]:
    """Return a group of one demo deployment that behaves so."""
    return {"deployments": [{"provider": "demo", "model": f"demo{behaviour}", **fields}]}


CONFIG = {
    "demo": True,
    "models": [
        {"model_name": "plain", **deployment("")},
        {"model_name": "silent", **deployment(";hang=first_byte", timeouts={"first_byte": 0.4})},
        {"model_name": "headless", **deployment(";hang=first_token", timeouts={"first_token": 0.4})},
        {"model_name": "patient", **deployment(";hang=first_byte")},
        {"model_name": "refusing", **deployment(";error=503")},
        {"model_name": "dropping", **deployment(";drop")},
        {
            "model_name": "away",
            "deployments": [{"provider": "openai", "model": "gpt-4o-mini", "api_base": "http://127.0.0.1:9"}],
        },
        {
            "model_name": "second-helps",
            "deployments": [
                {"provider": "demo", "model": "demo;hang=first_byte", "timeouts": {"first_byte": 0.4}},
                {"provider": "demo", "model": "demo;tokens=5", "weight": 0},
            ],
        },
    ],
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with providers that fall silent."""
    with Stack(tmp_path_factory.mktemp("unanswered"), config=CONFIG) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the master key."""
    async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as session:
        yield session


async def failed(http: aiohttp.ClientSession, books: Books, model: str, **body: Any) -> Any:
    """Send a request that fails, and return its document."""
    async with http.post("/v1/chat/completions", json={"model": model, "messages": MESSAGES} | body) as answer:
        assert answer.status >= 500, await answer.text()
        id = answer.headers["x-tollway-request-id"]
    return (await books.entries([id]))[id]


async def open_calls(stack: Stack, books: Books, number: int) -> None:
    """Wait until the demo provider has so many calls in hand."""
    async with asyncio.timeout(60):
        while (await books.sold())["calls"]["open"] != number:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("model", "stream"), [("silent", False), ("silent", True), ("headless", True)])
async def test_a_clock_that_runs_out_costs_the_input(
    http: aiohttp.ClientSession, books: Books, model: str, stream: bool
) -> None:
    """The request was sent as a whole, and the provider goes on with it; that it is our own count stands there."""
    entry = await failed(http, books, model, stream=stream)
    assert (entry["outcome"], entry["status"], entry["cost"]) == ("failure", 504, INPUT_COST)
    [attempt] = entry["attempts"]
    usage = attempt["usage"]
    assert (usage["input"], usage.get("output", 0), usage["estimated"]) == (INPUT, 0, True)


async def test_retries_that_a_provider_bills_are_counted(http: aiohttp.ClientSession, books: Books) -> None:
    """The attempt that fell silent costs its input, the one that answered what it reported: together the cost."""
    async with http.post("/v1/chat/completions", json={"model": "second-helps", "messages": MESSAGES}) as answer:
        assert (answer.status, answer.headers["x-tollway-attempts"]) == (200, "2")
        id, told = answer.headers["x-tollway-request-id"], answer.headers["x-tollway-cost"]
        used = (await answer.json())["usage"]
    entry = (await books.entries([id]))[id]
    first, second = entry["attempts"]
    assert (first["outcome"], first["cost"], first["usage"]["estimated"]) == ("failure", INPUT_COST, True)
    assert (second["outcome"], second["usage"].get("estimated", False)) == ("success", False)
    assert second["cost"] == used["prompt_tokens"] * 1000 + used["completion_tokens"] * 2000
    assert entry["cost"] == first["cost"] + second["cost"]
    assert round(float(told) * 1e9) == entry["cost"]


@pytest.mark.parametrize("model", ["refusing", "dropping", "away"])
async def test_what_a_provider_did_not_take_costs_nothing(
    http: aiohttp.ClientSession, books: Books, model: str
) -> None:
    """It refused, hung up or was not there: none of them bills anything."""
    entry = await failed(http, books, model, num_retries=0)
    assert (entry["outcome"], entry["cost"], entry["prompt_tokens"]) == ("failure", 0, 0)


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        ("/v1/chat/completions", "patient", False),
        ("/v1/chat/completions", "patient", True),
        ("/openai/v1/chat/completions", "demo;hang=first_byte", False),
        ("/openai/v1/chat/completions", "demo;hang=first_token", True),
        ("/anthropic/v1/messages", "demo;hang=first_byte", False),
    ],
)
async def test_who_leaves_before_the_first_byte_pays_for_the_input(
    stack: Stack, http: aiohttp.ClientSession, books: Books, path: str, model: str, stream: bool
) -> None:
    """On every route, once the request is with the provider."""
    label = f"leaver-{path.count('/')}-{model[-5:]}-{stream}-{path[1:4]}"
    body = {"model": model, "max_tokens": 100, "messages": MESSAGES, "stream": stream}
    await open_calls(stack, books, 0)
    asking = asyncio.ensure_future(http.post(path, json=body, headers={"x-request-id": label}))
    await open_calls(stack, books, 1)
    asking.cancel()
    await asyncio.wait([asking])
    if not asking.cancelled():
        asking.result().close()
    await open_calls(stack, books, 0)
    [entry] = await books.labelled(label, 1)
    assert (entry["outcome"], entry["status"]) == ("cancelled", 499)
    [attempt] = entry["attempts"]
    assert attempt["usage"]["estimated"]
    assert entry["prompt_tokens"] > 0
    assert (entry["completion_tokens"], entry["cost"]) == (0, entry["prompt_tokens"] * 1000)
