import json
from collections.abc import AsyncIterator

import openai
import pytest

from tollway.demo_provider import DemoProvider
from tollway.demo_provider.text import PLAIN

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def client(provider: DemoProvider) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        yield client


async def test_plain_answer(client: openai.AsyncOpenAI) -> None:
    """The SDK reads text, finish reason and usage."""
    answer = await client.chat.completions.create(model="demo", messages=HELLO)
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == (PLAIN, "stop")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + len(PLAIN.split())


async def test_streamed_answer_with_usage(client: openai.AsyncOpenAI) -> None:
    """The chunks join to the text and the last one carries the usage."""
    stream = await client.chat.completions.create(
        model="demo;cached=7;reasoning=3", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    usage = chunks[-1].usage
    assert (text, chunks[-2].choices[0].finish_reason) == (PLAIN, "stop")
    assert usage.prompt_tokens_details.cached_tokens == 7
    assert usage.completion_tokens_details.reasoning_tokens == 3


async def test_stream_without_usage(client: openai.AsyncOpenAI) -> None:
    """A stream that did not ask for usage has none."""
    stream = await client.chat.completions.create(model="demo", messages=HELLO, stream=True)
    assert [chunk async for chunk in stream if chunk.usage is not None or not chunk.choices] == []


@pytest.mark.parametrize("streamed", [False, True])
async def test_several_choices(client: openai.AsyncOpenAI, streamed: bool) -> None:
    """Each of `n` choices is answered and counted."""
    if streamed:
        async with client.chat.completions.stream(
            model="demo;tokens=4", messages=HELLO, n=3, stream_options={"include_usage": True}
        ) as stream:
            answer = await stream.get_final_completion()
    else:
        answer = await client.chat.completions.create(model="demo;tokens=4", messages=HELLO, n=3)
    texts = [choice.message.content for choice in answer.choices]
    assert (texts, answer.usage.completion_tokens) == (["Hello from Tollway's demo "] * 3, 12)


@pytest.mark.parametrize("streamed", [False, True])
async def test_parallel_tool_calls(client: openai.AsyncOpenAI, streamed: bool) -> None:
    """Two calls arrive whole, with ids of their own and arguments that fit."""
    asked = {"model": "demo;tools=2", "messages": HELLO, "tools": [WEATHER]}
    if streamed:
        async with client.chat.completions.stream(**asked) as stream:
            answer = await stream.get_final_completion()
    else:
        answer = await client.chat.completions.create(**asked)
    calls = answer.choices[0].message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Zürich"}] * 2
    assert (len({call.id for call in calls}), answer.choices[0].finish_reason) == (2, "tool_calls")


async def test_tool_loop(client: openai.AsyncOpenAI) -> None:
    """A forced call and its result make a conversation that ends in words."""
    first = await client.chat.completions.create(model="demo", messages=HELLO, tools=[WEATHER], tool_choice="required")
    call = first.choices[0].message
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "21 °C"}
    messages = [*HELLO, call.model_dump(include={"role", "content", "tool_calls"}), result]
    last = await client.chat.completions.create(model="demo;tool=get_weather", messages=messages, tools=[WEATHER])
    assert last.choices[0].message.content == "The tool answered: 21 °C"


async def test_stop_and_max_tokens(client: openai.AsyncOpenAI) -> None:
    """Both ways to shorten an answer show in its finish reason."""
    stopped = await client.chat.completions.create(model="demo", messages=HELLO, stop=["!"])
    shortened = await client.chat.completions.create(model="demo", messages=HELLO, max_completion_tokens=2)
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == (PLAIN.split("!")[0], "stop")
    assert (shortened.choices[0].message.content, shortened.choices[0].finish_reason) == ("Hello from ", "length")


async def test_echo_streamed_awkwardly(client: openai.AsyncOpenAI) -> None:
    """An echo arrives as it was sent though its stream is split anywhere."""
    words = 'nonce:42 Grüezi 😀 \\ " \n\n data: [DONE] 漢字'
    stream = await client.chat.completions.create(
        model="demo;echo", messages=[{"role": "user", "content": words}], stream=True
    )
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == words


async def test_errors_are_the_sdks_own(client: openai.AsyncOpenAI) -> None:
    """Status and shape of an error make the SDK raise the right exception."""
    with pytest.raises(openai.RateLimitError) as raised:
        await client.chat.completions.create(model="demo;error=429;retry_after=2", messages=HELLO)
    assert (raised.value.code, raised.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "2")
    with pytest.raises(openai.APIError, match="asked to fail"):
        async for _ in await client.chat.completions.create(model="demo;error_after=2", messages=HELLO, stream=True):
            pass


async def test_models(client: openai.AsyncOpenAI) -> None:
    """Models can be listed and looked up."""
    listed = [model.id async for model in client.models.list()]
    found = await client.models.retrieve("demo")
    assert ("demo" in listed, found.id) == (True, "demo")
