"""Guardrails as clients meet them: the whole stack, the real SDKs, a provider that says what it is told."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from tests.support.spend_logs import LEDGER_SECONDS
from tests.support.stack import Stack

GUARDRAILS = [
    {"name": "words", "type": "banned_words", "mode": "pre_call", "words": ["forbidden"], "message": "Ask legal."},
    {"name": "never-said", "type": "banned_words", "mode": "post_call", "words": ["unspeakable words"]},
    {"name": "ssn", "type": "regex_mask", "mode": "post_call", "patterns": [r"\b\d{3}-\d{2}-\d{4}\b"]},
]
ECHO = {"x-demo-behaviour": "echo"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole of Tollway with guardrails in both directions."""
    with Stack(tmp_path_factory.mktemp("guarded"), config={"guardrails": GUARDRAILS}) as running:
        yield running


@pytest.fixture
def openai_client(guarded: Stack) -> Iterator[openai.OpenAI]:
    """The OpenAI SDK."""
    with openai.OpenAI(base_url=f"{guarded.url}/v1", api_key=guarded.master_key, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(guarded: Stack) -> Iterator[anthropic.Anthropic]:
    """The Anthropic SDK."""
    with anthropic.Anthropic(base_url=guarded.url, api_key=guarded.master_key, max_retries=0) as client:
        yield client


def said(text: str) -> list[Any]:
    """Return messages whose last one the provider echoes."""
    return [{"role": "user", "content": text}]


async def logged(stack: Stack, request_id: str, blocked_by: str | None = None) -> dict[str, Any]:
    """Return a request's ledger entry, once it is there and says which guardrail stopped the answer."""
    end = time.monotonic() + LEDGER_SECONDS
    async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as http:
        while time.monotonic() < end:
            async with http.get("/spend/logs", params={"request_id": request_id}) as response:
                rows = await response.json() if response.status == 200 else []
            if rows and rows[0]["metadata"]["attempts"] and rows[0]["metadata"]["blocked_by"] == blocked_by:
                return dict(rows[0])
            await asyncio.sleep(0.05)
    raise AssertionError(f"{request_id} is not in the ledger")


def test_a_banned_word_is_400_in_both_dialects(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> None:
    """Both SDKs raise their error for a bad request, with the guardrail's name and the operator's words."""
    with pytest.raises(openai.BadRequestError) as first:
        openai_client.chat.completions.create(model="demo", messages=said("a FORBIDDEN thing"))
    assert first.value.code == "content_blocked"
    assert "Blocked by guardrail 'words': Ask legal." in first.value.message
    with pytest.raises(anthropic.BadRequestError) as second:
        anthropic_client.messages.create(model="demo", max_tokens=99, messages=said("a forbidden thing"))
    assert "Blocked by guardrail 'words': Ask legal." in second.value.message


async def test_answers_are_masked_streamed_or_not(guarded: Stack, openai_client: openai.OpenAI) -> None:
    """The echo of a number comes masked, however the provider cuts it, and is billed."""
    text = "It is 123-45-6789, he said, and 123-45-67890 is none."
    masked = "It is [masked], he said, and 123-45-67890 is none."
    raw = openai_client.chat.completions.with_raw_response.create(model="demo", messages=said(text), extra_headers=ECHO)
    assert raw.parse().choices[0].message.content == masked
    stream = openai_client.chat.completions.create(
        model="demo",
        messages=said(text),
        extra_headers=ECHO,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == masked
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    entry = await logged(guarded, raw.headers["x-tollway-request-id"])
    assert entry["spend"] > 0


def test_a_stream_in_anthropics_dialect_is_masked(anthropic_client: anthropic.Anthropic) -> None:
    """The SDK assembles the masked text and the usage."""
    with anthropic_client.messages.stream(
        model="demo", max_tokens=99, messages=said("It is 123-45-6789."), extra_headers=ECHO
    ) as stream:
        message = stream.get_final_message()
    assert "".join(block.text for block in message.content if block.type == "text") == "It is [masked]."
    assert message.usage.output_tokens > 0


async def test_a_stream_that_is_stopped_is_billed(guarded: Stack, openai_client: openai.OpenAI) -> None:
    """The client sees the error after what was safe; the provider was paid, so the ledger says what it cost."""
    raw = openai_client.chat.completions.with_raw_response.create(
        model="demo",
        messages=said("These are my very own words. " * 30 + "These are unspeakable words, and more of them"),
        extra_headers={"x-demo-behaviour": "echo;rate=50/s"},
        stream=True,
    )
    text = ""
    with raw.parse() as stream, pytest.raises(openai.APIError) as error:
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    assert "Blocked by guardrail 'never-said'" in error.value.message
    assert text.startswith("These are my very own words. These")
    assert "unspeakable" not in text
    entry = await logged(guarded, raw.headers["x-tollway-request-id"], "never-said")
    assert entry["spend"] > 0
    assert (entry["status"], entry["metadata"]["status_code"]) == ("failure", 400)
    assert entry["metadata"]["error_code"] == "content_blocked"


async def test_a_whole_answer_that_is_stopped_is_400_and_billed(guarded: Stack, openai_client: openai.OpenAI) -> None:
    """Nothing of it came out, and the ledger says so beside what the provider was paid."""
    with pytest.raises(openai.BadRequestError) as error:
        openai_client.chat.completions.create(
            model="demo", messages=said("Those unspeakable words."), extra_headers=ECHO
        )
    assert error.value.code == "content_blocked"
    entry = await logged(guarded, error.value.response.headers["x-tollway-request-id"], "never-said")
    assert (entry["status"], entry["metadata"]["status_code"]) == ("failure", 400)
    assert entry["metadata"]["error_code"] == "content_blocked"
    (attempt,) = entry["metadata"]["attempts"]
    assert attempt["outcome"] == "success"
    assert entry["spend"] == attempt["spend"] > 0


async def test_a_request_that_is_stopped_is_not_in_the_ledger(guarded: Stack, openai_client: openai.OpenAI) -> None:
    """It reached no provider. An answer that was stopped after it is there, so it would be, too."""
    ids = []
    for text in ("a forbidden thing", "Those unspeakable words."):
        with pytest.raises(openai.BadRequestError) as error:
            openai_client.chat.completions.create(model="demo", messages=said(text), extra_headers=ECHO)
        ids.append(error.value.response.headers["x-tollway-request-id"])
    await logged(guarded, ids[1], "never-said")
    async with (
        aiohttp.ClientSession(guarded.url, headers=guarded.headers()) as http,
        http.get("/spend/logs", params={"request_id": ids[0]}) as response,
    ):
        assert not (await response.json() if response.status == 200 else [])


def test_a_large_request_is_checked(openai_client: openai.OpenAI) -> None:
    """A megabyte travels by reference, and its last word is looked at."""
    text = "hello " * 200_000
    answer = openai_client.chat.completions.create(model="demo", messages=said(text))
    assert answer.choices[0].message.content
    with pytest.raises(openai.BadRequestError):
        openai_client.chat.completions.create(model="demo", messages=said(text + "forbidden"))
