"""The five clocks of a provider call, and the one deadline over all of them, as callers meet them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.books import Books
from tests.support.stack import Stack
from tollway.demo_provider import unreachable

HELLO = [{"role": "user", "content": "Hello"}]
SHORT = 0.5
TOTAL = 1.5
"""Seconds for a whole answer, within which a stream must have begun."""

CLOCKS = {
    "connect": "the provider accepted no connection within 0.5 s",
    "first_byte": "the provider sent no answer within 0.5 s",
    "first_token": "the provider sent no first token within 0.5 s",
    "total": "the provider took longer than 1.5 s in all",
}
"""What each clock says when it ends a call of which its caller has seen nothing."""

SLOW = {
    "first_byte": "demo;hang=first_byte",
    "first_token": "demo;hang=first_token",
    "between_tokens": "demo;silence=3",
    "total": "demo;tokens=100;rate=10/s",
}


def deployment(clock: str, base: str) -> dict[str, Any]:
    """Return a deployment that runs into one clock."""
    timeouts = {"timeouts": {clock: TOTAL if clock == "total" else SHORT}, "weight": 1}
    if clock == "connect":
        return {"id": "connect", "provider": "openai", "model": "demo", "api_base": f"{base}/v1", **timeouts}
    return {"id": clock, "provider": "demo", "model": SLOW[clock], **timeouts}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a model group for each clock, alone and with a deployment beside it that answers."""
    with unreachable() as base:
        models: list[dict[str, Any]] = []
        for clock in ("connect", *SLOW):
            slow = deployment(clock, base)
            answering = {"id": f"{clock}-next", "provider": "demo", "model": "demo", "weight": 0}
            models.append({"model_name": clock, "deployments": [slow]})
            models.append({"model_name": f"{clock}+", "deployments": [slow | {"id": f"{clock}-first"}, answering]})
        again = [deployment("first_byte", base) | {"id": f"again-{number}"} for number in range(6)]
        models.append({"model_name": "six", "deployments": again})
        with Stack(tmp_path_factory.mktemp("clocks"), config={"models": models}) as running:
            yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the master key."""
    timeout = aiohttp.ClientTimeout(total=90)
    async with aiohttp.ClientSession(stack.url, headers=stack.headers(), timeout=timeout) as session:
        yield session


async def ask(http: aiohttp.ClientSession, model: str, timeout: str = "", **fields: Any) -> tuple[int, str, str]:
    """Ask for a model; return status, text and id of the answer."""
    headers = {"x-litellm-timeout": timeout} if timeout else {}
    body = {"model": model, "messages": HELLO, **fields}
    async with http.post("/v1/chat/completions", json=body, headers=headers) as response:
        return response.status, await response.text(), response.headers["x-tollway-request-id"]


async def both(http: aiohttp.ClientSession, model: str) -> list[tuple[int, str, str]]:
    """Ask for a model's whole answer and for its stream at once."""
    return await asyncio.gather(ask(http, model), ask(http, model, stream=True))


@pytest.mark.parametrize("clock", ["connect", "first_byte"])
async def test_a_clock_that_runs_out_is_named(http: aiohttp.ClientSession, clock: str) -> None:
    """Where no other deployment is left its caller gets 504 and reads which one it was, streamed or not."""
    for status, text, _ in await both(http, clock):
        assert (status, json.loads(text)["error"]["message"]) == (504, CLOCKS[clock])


async def test_the_first_token_has_a_clock_of_its_own(http: aiohttp.ClientSession) -> None:
    """A provider that sends its head and nothing more has begun no stream: the caller still gets a status."""
    status, text, _ = await ask(http, "first_token", stream=True)
    assert (status, json.loads(text)["error"]["message"]) == (504, CLOCKS["first_token"])


async def test_an_answer_that_takes_too_long_in_all_is_ended(http: aiohttp.ClientSession) -> None:
    """However steadily it comes; a stream that has begun ends with an error event."""
    (status, text, _), (begun, events, _) = await both(http, "total")
    assert (status, json.loads(text)["error"]["message"]) == (504, CLOCKS["total"])
    assert (begun, ended_with(events)["message"]) == (200, CLOCKS["total"])


async def test_a_stream_that_stands_still_is_ended(http: aiohttp.ClientSession, books: Books) -> None:
    """Its caller has three tokens and an error event; nobody else is asked."""
    status, events, id = await ask(http, "between_tokens+", stream=True)
    assert (status, ended_with(events)["message"]) == (200, "the provider's stream stood still for 0.5 s")
    assert ended_with(events)["code"] == "provider_timeout"
    entry = (await books.entries([id]))[id]
    assert [(attempt["deployment"], attempt["outcome"]) for attempt in entry["attempts"]] == [
        ("between_tokens-first", "interrupted")
    ]


def ended_with(events: str) -> dict[str, Any]:
    """Return the error that is a stream's last event."""
    assert "[DONE]" not in events
    error: dict[str, Any] = json.loads(events.rstrip().split("\n\n")[-1].removeprefix("data: "))["error"]
    return error


@pytest.mark.parametrize(
    ("clock", "streams"),
    [("connect", [False, True]), ("first_byte", [False, True]), ("first_token", [True]), ("total", [False])],
)
async def test_what_runs_into_a_clock_goes_elsewhere(
    http: aiohttp.ClientSession, books: Books, clock: str, streams: list[bool]
) -> None:
    """As long as the caller has seen nothing, another deployment answers."""
    answers = await asyncio.gather(*[ask(http, f"{clock}+", stream=stream) for stream in streams])
    entries = await books.entries([id for _, _, id in answers])
    for status, text, id in answers:
        assert status == 200, text
        assert [(attempt["deployment"], attempt["status"]) for attempt in entries[id]["attempts"]] == [
            (f"{clock}-first", 504),
            (f"{clock}-next", 200),
        ]


async def test_no_sum_of_retries_passes_the_deadline(http: aiohttp.ClientSession, books: Books) -> None:
    """Six deployments would be waited for three seconds in all; the caller gives 1.2 s, and hears of it then."""
    answers = await asyncio.gather(
        *[ask(http, "six", timeout="1.2", num_retries=5, stream=stream) for stream in (False, True)]
    )
    for status, text, _ in answers:
        assert (status, json.loads(text)["error"]["code"]) == (504, "deadline_exceeded")
    for entry in (await books.entries([id for _, _, id in answers])).values():
        assert 2 <= len(entry["attempts"]) <= 3
        assert max(attempt["ended"] for attempt in entry["attempts"]) < entry["received"] + 2.9
