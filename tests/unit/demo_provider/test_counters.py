import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tollway.demo_provider import DemoProvider
from tollway.demo_provider.counters import KEPT_CALLS, KEPT_MODELS, KEPT_NONCES, OTHER_MODELS, Counters

SOON = 30.0
"""Seconds; what these calls would take by themselves is more."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.001)


async def stats(http: aiohttp.ClientSession) -> dict[str, Any]:
    async with http.get("/_demo/stats") as response:
        return await response.json()


async def test_sold_tokens_are_those_reported(post: Any, http: aiohttp.ClientSession) -> None:
    """The sums equal the usage of all answers, streamed or not, in both dialects."""
    whole = (await (await post("demo;cached=9", n=2)).json())["usage"]
    await (await post("demo;tokens=40", stream=True)).read()
    message = (await (await post("demo", "/v1/messages")).json())["usage"]
    sold = (await stats(http))["tokens"]
    assert sold["output"] == whole["completion_tokens"] + 40 + message["output_tokens"]
    assert sold["input"] == whole["prompt_tokens"] + 2 * message["input_tokens"]


async def test_partly_streamed_tokens_are_sold(post: Any, http: aiohttp.ClientSession) -> None:
    """Of a cut stream the chunks that were sent count."""
    with pytest.raises(aiohttp.ClientPayloadError):
        await (await post("demo;cut=5", stream=True)).read()
    figures = await stats(http)
    assert (figures["tokens"]["output"], figures["calls"]["cut"], figures["calls"]["open"]) == (5, 1, 0)


@pytest.mark.parametrize(
    "model",
    ["demo;latency=60s", "demo;hang=first_byte", "demo;hang=first_token", "demo;silence=2", "demo;rate=1/s"],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_is_noticed_at_once(
    provider: DemoProvider, post: Any, model: str, stream: bool
) -> None:
    """The call counts as cancelled, though the provider had nothing to write."""
    asking = asyncio.create_task(post(model, stream=stream))
    await until(lambda: provider.counters.stats()["calls"]["open"] == 1)
    await asyncio.wait([asking], timeout=0.05)
    if asking.done():
        asking.result().close()
    else:
        asking.cancel()
    await until(lambda: provider.counters.stats()["calls"]["cancelled"] == 1)
    assert provider.counters.stats()["calls"]["open"] == 0


async def test_a_slow_reader_that_leaves_is_noticed(provider: DemoProvider, post: Any) -> None:
    """A client that stopped reading holds the stream back, and its leaving ends it."""
    response = await post("demo;tokens=200000", stream=True)
    await until(lambda: provider.counters.stats()["tokens"]["output"] > 0)
    response.close()
    await until(lambda: provider.counters.stats()["calls"]["cancelled"] == 1)
    assert provider.counters.stats()["tokens"]["output"] < 200_000


async def test_last_calls_and_nonces(post: Any, http: aiohttp.ClientSession) -> None:
    """Calls are listed newest first with the caller's nonce, from metadata, user or prompt."""
    await (await post("demo", metadata={"nonce": "a"})).read()
    await (await post("demo", user="b")).read()
    await (await post("demo", "/v1/messages", metadata={"user_id": "a"})).read()
    await (await post("demo", messages=[{"role": "user", "content": "Say nonce: c please"}])).read()
    calls = (await (await http.get("/_demo/calls?limit=3")).json())["calls"]
    assert [(call["nonce"], call["dialect"]) for call in calls] == [
        ("c", "openai"),
        ("a", "anthropic"),
        ("b", "openai"),
    ]
    assert (await stats(http))["nonces"] == {"distinct": 3, "repeated": {"a": 2}}
    of_nonce = (await (await http.get("/_demo/calls?nonce=a")).json())["calls"]
    assert [call["outcome"] for call in of_nonce] == ["finished"] * 2


async def test_reset_forgets(post: Any, http: aiohttp.ClientSession) -> None:
    """After a reset every figure is zero."""
    await (await post("demo")).read()
    await http.post("/_demo/reset")
    figures = await stats(http)
    assert (figures["requests"], figures["tokens"]["output"], figures["models"]) == (0, 0, {})


async def test_refusals_and_errors_are_counted_apart(post: Any, http: aiohttp.ClientSession) -> None:
    """What was refused is no call, and what failed sold nothing."""
    await post("demo", n=0)
    await post("demo;error=500")
    figures = await stats(http)
    assert (figures["requests"], figures["refused"], figures["calls"]["error"]) == (2, 1, 1)
    assert figures["tokens"] == {"input": 0, "output": 0}


def test_counters_are_bounded() -> None:
    """Models, nonces and calls beyond what is kept do not grow the tables, and sums stay right."""
    counters = Counters()
    many = KEPT_NONCES + 100
    for number in range(many):
        call = counters.begin(str(number), "openai", f"demo{number}", nonce=str(number))
        counters.sell(call, 1, 2)
        counters.end(call, "finished")
    figures = counters.stats()
    assert (figures["tokens"], figures["calls"]["finished"]) == ({"input": many, "output": 2 * many}, many)
    assert len(figures["models"]) <= KEPT_MODELS + 1
    assert figures["models"][OTHER_MODELS].output_tokens == 2 * (many - KEPT_MODELS)
    assert (figures["nonces"]["distinct"], len(counters.calls(10_000))) == (KEPT_NONCES, KEPT_CALLS)
