"""Real text from a real model through Tollway: what comes out, and what stands in the ledger."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from tests.support.account import Sale, price
from tests.support.real_model import ALIAS, RealModel
from tests.support.spend_logs import logged
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)

PROMPT = "A toll road is a road for which"
LONG_PROMPT = "In the old days every traveller who came to the bridge had to pay a penny to the keeper. " * 8
MAX_TOKENS = 48
SAMPLING: dict[str, Any] = {"temperature": 0, "repeat_penalty": 1.3}
"""`repeat_penalty` is llama.cpp's own field, which no SDK knows; without it so small a model repeats itself."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a client received; `completion` is the usage that it was told, -1 if none."""

    request_id: str
    text: str
    prompt: int = -1
    completion: int = -1
    pieces: int = 1
    busy_at_first: int = 0
    """Requests in the model's hands when the first piece had come."""


@dataclass(frozen=True)
class Clients:
    """The SDKs, which know nothing of Tollway but its address and key."""

    openai: openai.AsyncOpenAI
    anthropic: anthropic.AsyncAnthropic
    http: aiohttp.ClientSession
    model: RealModel


@pytest.fixture
async def clients(stack: Stack, model: RealModel) -> AsyncIterator[Clients]:
    """The clients of one test, with a virtual key of their own."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(stack.url, headers=stack.headers(), timeout=timeout) as http:
        async with http.post("/key/generate", json={"models": ["gemma"]}) as response:
            key = (await response.json())["key"]
        async with (
            openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0) as one,
            anthropic.AsyncAnthropic(base_url=stack.url, api_key=key, max_retries=0) as other,
        ):
            yield Clients(one, other, http, model)


def chat(prompt: str, **fields: Any) -> dict[str, Any]:
    """Return a request of either dialect, as far as they agree."""
    return {
        "model": "gemma",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": prompt}],
        "extra_body": SAMPLING,
        **fields,
    }


async def openai_whole(clients: Clients) -> Said:
    """Ask with the OpenAI SDK for one answer."""
    raw = await clients.openai.chat.completions.with_raw_response.create(**chat(PROMPT))
    answer = raw.parse()
    assert answer.usage is not None
    return Said(
        raw.headers["x-tollway-request-id"],
        answer.choices[0].message.content or "",
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )


async def openai_stream(clients: Clients) -> Said:
    """Ask with the OpenAI SDK for a stream, without its usage."""
    return await _openai_stream(clients)


async def openai_stream_with_usage(clients: Clients) -> Said:
    """Ask with the OpenAI SDK for a stream and its usage."""
    return await _openai_stream(clients, stream_options={"include_usage": True})


async def _openai_stream(clients: Clients, **fields: Any) -> Said:
    raw = await clients.openai.chat.completions.with_raw_response.create(**chat(PROMPT, stream=True, **fields))
    pieces: list[str] = []
    usage, busy = None, 0
    async for chunk in raw.parse():
        usage = chunk.usage or usage
        text = chunk.choices[0].delta.content if chunk.choices else None
        if text:
            busy = busy if pieces else await asyncio.to_thread(clients.model.busy)
            pieces.append(text)
    prompt, completion = (usage.prompt_tokens, usage.completion_tokens) if usage else (-1, -1)
    return Said(raw.headers["x-tollway-request-id"], "".join(pieces), prompt, completion, len(pieces), busy)


async def anthropic_whole(clients: Clients) -> Said:
    """Ask with the Anthropic SDK for one answer, over a provider of the other dialect."""
    raw = await clients.anthropic.messages.with_raw_response.create(**chat(PROMPT))
    answer = await raw.parse()
    text = "".join(block.text for block in answer.content if block.type == "text")
    return Said(raw.headers["x-tollway-request-id"], text, answer.usage.input_tokens, answer.usage.output_tokens)


async def anthropic_stream(clients: Clients) -> Said:
    """Ask with the Anthropic SDK for a stream, over a provider of the other dialect."""
    pieces: list[str] = []
    busy = 0
    async with clients.anthropic.messages.stream(**chat(PROMPT)) as stream:
        async for text in stream.text_stream:
            busy = busy if pieces else await asyncio.to_thread(clients.model.busy)
            pieces.append(text)
        usage = (await stream.get_final_message()).usage
        request_id = stream.response.headers["x-tollway-request-id"]
    return Said(request_id, "".join(pieces), usage.input_tokens, usage.output_tokens, len(pieces), busy)


@pytest.mark.parametrize(
    "ask", [openai_whole, openai_stream, openai_stream_with_usage, anthropic_whole, anthropic_stream]
)
async def test_text_and_cost_are_the_models_own(
    ask: Callable[[Clients], Awaitable[Said]], clients: Clients, account: list[Sale]
) -> None:
    """Text and usage are what the server tells a caller of its own, and the ledger holds the tokens that it counted."""
    direct = clients.model.answer(chat(PROMPT, model=ALIAS, **SAMPLING))
    before = clients.model.counted()
    said = await ask(clients)
    counted = clients.model.counted() - before
    entry = await logged(clients.http, said.request_id)
    account.append(
        Sale(ask.__name__, PROMPT, said.text, entry["prompt_tokens"], entry["completion_tokens"], entry["spend"])
    )
    usage = direct["usage"]
    assert said.text == direct["choices"][0]["message"]["content"] != ""
    assert (entry["prompt_tokens"], entry["completion_tokens"]) == (counted.prompt, counted.completion)
    assert (counted.prompt, counted.completion) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert (said.prompt, said.completion) in {(counted.prompt, counted.completion), (-1, -1)}
    assert (said.completion == -1) == (ask is openai_stream)
    assert round(entry["spend"] * 1e9) == price(counted)
    assert (entry["metadata"]["estimated"], entry["metadata"]["unpriced"]) == (False, False)


@pytest.mark.parametrize("ask", [openai_stream, anthropic_stream])
async def test_a_stream_comes_while_the_model_speaks(
    ask: Callable[[Clients], Awaitable[Said]], clients: Clients
) -> None:
    """The first words are with the client while the model is at work on the rest."""
    said = await ask(clients)
    assert said.busy_at_first == 1
    assert said.pieces > MAX_TOKENS / 2


async def test_cached_input_costs_less(clients: Clients, account: list[Sale]) -> None:
    """What the server took from its prompt cache is told to the client and billed at the cache's price."""
    entries, cached = [], []
    for _ in range(2):
        before = clients.model.counted()
        raw = await clients.openai.chat.completions.with_raw_response.create(
            **chat(LONG_PROMPT, extra_body={**SAMPLING, "cache_prompt": True})
        )
        usage, counted = raw.parse().usage, clients.model.counted() - before
        entry = await logged(clients.http, raw.headers["x-tollway-request-id"])
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        assert usage.prompt_tokens_details.cached_tokens == counted.cached
        assert round(entry["spend"] * 1e9) == price(counted)
        text = raw.parse().choices[0].message.content or ""
        tokens = (entry["prompt_tokens"], entry["completion_tokens"])
        account.append(Sale(f"openai, {counted.cached} tokens cached", LONG_PROMPT, text, *tokens, entry["spend"]))
        entries.append(entry["spend"])
        cached.append(counted.cached)
    assert cached[1] > cached[0]
    assert entries[1] < entries[0]


async def test_a_client_that_goes_away_stops_the_model(clients: Clients, account: list[Sale]) -> None:
    """The model stops within a second of the client's leaving, and what it had said is billed, as an estimate."""
    raw = await clients.openai.chat.completions.with_raw_response.create(
        **chat("Once upon a time", stream=True, max_tokens=1500, extra_body={**SAMPLING, "ignore_eos": True})
    )
    stream, pieces = raw.parse(), []
    async for chunk in stream:
        pieces.append(chunk.choices[0].delta.content or "")
        if len(pieces) == 10:
            break
    assert clients.model.busy() == 1
    await stream.close()
    end = time.monotonic() + 1
    while clients.model.busy():
        assert time.monotonic() < end, "the model still speaks"
        await asyncio.sleep(0.02)
    entry = await logged(clients.http, raw.headers["x-tollway-request-id"])
    tokens = (entry["prompt_tokens"], entry["completion_tokens"])
    account.append(Sale("openai stream, left", "Once upon a time", "".join(pieces), *tokens, entry["spend"]))
    assert entry["metadata"]["attempts"][0]["usage"]["estimated"] is True
    assert 0 < entry["completion_tokens"] < 1500
    assert entry["spend"] > 0


async def test_the_servers_own_error_reaches_the_client(clients: Clients) -> None:
    """A prompt that is too long for the model is refused with the server's status and words, in either dialect."""
    too_long = chat("toll " * 4000)
    with pytest.raises(openai.BadRequestError, match="context size"):
        await clients.openai.chat.completions.create(**too_long)
    with pytest.raises(anthropic.BadRequestError, match="context size"):
        await clients.anthropic.messages.create(**too_long)
