"""A deployment fails and another one of its group is asked: what the caller gets, and what stands in the ledger."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.books import Books
from tests.support.raw_upstream import RawUpstream, raw_upstream
from tests.support.stack import Stack
from tests.support.trouble import all_gauges

HELLO = [{"role": "user", "content": "Hello"}]
FAILURES = ("error=503", "error=401", "error=429", "error=404", "drop", "cut=0", "garbage=0")
"""What a deployment may do before the first byte of its answer."""

UNSTREAMED_FAILURES = ("cut=2", "error_after=2", "garbage=1")
"""What it may do in the middle of an answer of which nobody has seen anything yet."""

COMPLETION = json.dumps(
    {
        "id": "c", "object": "chat.completion", "created": 1, "model": "raw",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()  # fmt: skip


Answer = tuple[aiohttp.ClientResponse, str]


def pair(first: str) -> dict[str, Any]:
    """Return a model group, named after what its first deployment does; its second one answers."""
    failing = {"id": f"{first}-first", "provider": "demo", "model": f"demo;{first}", "weight": 1}
    answering = {"id": f"{first}-second", "provider": "demo", "model": "demo", "weight": 0}
    return {"model_name": first, "deployments": [failing, answering]}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a model group for each way to fail."""
    models = [pair(first) for first in (*FAILURES, *UNSTREAMED_FAILURES, "error=400")]
    with Stack(tmp_path_factory.mktemp("retries"), config={"models": models}) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the master key."""
    timeout = aiohttp.ClientTimeout(total=90)
    async with aiohttp.ClientSession(stack.url, headers=stack.headers(), timeout=timeout) as session:
        yield session


async def ask(http: aiohttp.ClientSession, model: str, **fields: Any) -> Answer:
    """Ask for a model, and return the answer and its text."""
    body = {"model": model, "messages": HELLO, **fields}
    async with http.post("/v1/chat/completions", json=body) as response:
        return response, await response.text()


async def both(http: aiohttp.ClientSession, model: str) -> list[Answer]:
    """Ask for a model's whole answer and for its stream at once."""
    return await asyncio.gather(ask(http, model), ask(http, model, stream=True))


async def entered(books: Books, *responses: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    """Return the ledger's entries of these answers."""
    ids = [response.headers["x-tollway-request-id"] for response in responses]
    entries = await books.entries(ids)
    return [entries[id] for id in ids]


def outcomes(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what became of each attempt."""
    return [(attempt["deployment"], attempt["outcome"]) for attempt in entry["attempts"]]


@pytest.mark.parametrize("first", FAILURES)
async def test_what_fails_before_its_first_byte_is_answered_by_another_deployment(
    http: aiohttp.ClientSession, books: Books, first: str
) -> None:
    """The caller sees a whole answer and nothing of the failure, streamed or not; both attempts are in the ledger."""
    (whole, text), (streamed, events) = await both(http, first)
    assert (whole.status, streamed.status) == (200, 200), text + events
    assert json.loads(text)["choices"][0]["message"]["content"]
    assert events.rstrip().endswith("data: [DONE]")
    assert "error" not in events
    assert (whole.headers["x-tollway-attempts"], whole.headers["x-tollway-model-id"]) == ("2", f"{first}-second")
    for entry in await entered(books, whole, streamed):
        assert entry["outcome"] == "success"
        assert outcomes(entry) == [(f"{first}-first", "failure"), (f"{first}-second", "success")]


@pytest.mark.parametrize("first", UNSTREAMED_FAILURES)
async def test_a_retry_that_a_provider_may_bill_is_counted(
    http: aiohttp.ClientSession, books: Books, first: str
) -> None:
    """An answer that broke off has cost its input, and stands beside the one that came: the cost is their sum."""
    response, text = await ask(http, first)
    assert (response.status, response.headers["x-tollway-attempts"]) == (200, "2"), text
    (entry,) = await entered(books, response)
    costs = [attempt["cost"] for attempt in entry["attempts"]]
    assert len(costs) == 2
    assert all(costs)
    assert entry["cost"] == sum(costs) == round(float(response.headers["x-tollway-cost"]) * 1e9)
    assert [attempt["usage"]["estimated"] for attempt in entry["attempts"]] == [True, False]


@pytest.mark.parametrize("first", UNSTREAMED_FAILURES)
async def test_a_stream_that_has_begun_is_not_tried_again(
    http: aiohttp.ClientSession, books: Books, first: str
) -> None:
    """Its caller has seen its beginning, so it ends with an error, after one attempt."""
    response, text = await ask(http, first, stream=True)
    assert response.status == 200
    assert json.loads(text.strip().splitlines()[-1].removeprefix("data: "))["error"]["message"]
    assert "[DONE]" not in text
    (entry,) = await entered(books, response)
    assert outcomes(entry) == [(f"{first}-first", "interrupted")]


async def test_the_callers_own_mistake_is_told_at_once(http: aiohttp.ClientSession, books: Books) -> None:
    """No other deployment would take the request either."""
    (whole, text), (streamed, told) = await both(http, "error=400")
    for response, answer in ((whole, text), (streamed, told)):
        assert (response.status, json.loads(answer)["error"]["type"]) == (400, "invalid_request_error")
        assert (response.headers["x-tollway-attempts"], response.headers["x-tollway-error-source"]) == ("1", "provider")
        assert response.headers["x-tollway-model-id"] == "error=400-first"
    for entry in await entered(books, whole, streamed):
        assert outcomes(entry) == [("error=400-first", "failure")]


async def test_a_caller_may_want_no_second_attempt(http: aiohttp.ClientSession, books: Books) -> None:
    """With `num_retries: 0` the first failure is the answer."""
    response, _ = await ask(http, "error=503", num_retries=0)
    assert response.status == 503
    (entry,) = await entered(books, response)
    assert outcomes(entry) == [("error=503-first", "failure")]


async def test_second_attempts_are_a_metric(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Each one counts, once."""
    before = (await all_gauges(stack)).get("tollway_retries_total", 0.0)
    for model in ("error=503", "error=429", "error=400", "demo"):
        await ask(http, model)
    assert (await all_gauges(stack))["tollway_retries_total"] == before + 2


@asynccontextmanager
async def raw_model(http: aiohttp.ClientSession) -> AsyncIterator[RawUpstream]:
    """Have a model "raw" whose one deployment is a server that keeps its connections open."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(COMPLETION)
    async with raw_upstream() as upstream:
        upstream.answer = head + COMPLETION
        params = {"model": "openai/raw", "api_base": f"{upstream.url}/v1", "api_key": "sk-raw"}
        async with http.post("/model/new", json={"model_name": "raw", "litellm_params": params}) as response:
            made = await response.json()
            assert response.status == 200, made
        try:
            yield upstream
        finally:
            async with http.post("/model/delete", json={"id": made["model_info"]["id"]}) as response:
                assert response.status == 200


async def test_a_connection_that_closes_under_a_request_is_replaced(http: aiohttp.ClientSession, books: Books) -> None:
    """The request goes out again on a new connection, as a second attempt at the same deployment."""
    async with raw_model(http) as upstream:
        await ask(http, "raw")
        upstream.answers_each = 1
        response, text = await ask(http, "raw")
        assert (response.status, response.headers["x-tollway-attempts"]) == (200, "2"), text
        assert len(upstream.requests) == 3
    (entry,) = await entered(books, response)
    assert [(attempt["outcome"], attempt["status"]) for attempt in entry["attempts"]] == [
        ("failure", 502),
        ("success", 200),
    ]


async def test_a_request_that_may_have_been_read_is_not_repeated_against_the_callers_word(
    http: aiohttp.ClientSession,
) -> None:
    """With `num_retries: 0` the provider sees it once, since nobody can tell whether it was acted upon."""
    async with raw_model(http) as upstream:
        await ask(http, "raw")
        upstream.answers_each = 1
        response, text = await ask(http, "raw", num_retries=0)
        assert (response.status, json.loads(text)["error"]["code"]) == (502, "provider_disconnected")
        assert len(upstream.requests) == 2
        response, _ = await ask(http, "raw", num_retries=0)
        assert response.status == 200
