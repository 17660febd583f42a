from collections.abc import AsyncIterator

import anthropic
import pytest

from tollway.demo_provider import DemoProvider
from tollway.demo_provider.text import PLAIN

WEATHER = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2000}


@pytest.fixture
async def client(provider: DemoProvider) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=provider.url, api_key="k", max_retries=0) as client:
        yield client


async def ask(client: anthropic.AsyncAnthropic, streamed: bool, **fields: object) -> anthropic.types.Message:
    if not streamed:
        return await client.messages.create(**{**HELLO, **fields})
    async with client.messages.stream(**{**HELLO, **fields}) as stream:
        return await stream.get_final_message()


both = pytest.mark.parametrize("streamed", [False, True])


@both
async def test_plain_answer(client: anthropic.AsyncAnthropic, streamed: bool) -> None:
    """The SDK reads text, stop reason and usage, streamed or not."""
    message = await ask(client, streamed, model="demo;cached=7;cache_write=5;input=11")
    usage = message.usage
    assert (message.content[0].text, message.stop_reason) == (PLAIN, "end_turn")
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (11, 7, 5)
    assert usage.output_tokens == len(PLAIN.split())


@both
async def test_thinking_is_signed(client: anthropic.AsyncAnthropic, streamed: bool) -> None:
    """A thinking block comes first, with a signature."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    message = await ask(client, streamed, model="demo", thinking=thinking)
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert (bool(message.content[0].thinking), bool(message.content[0].signature)) == (True, True)


@both
async def test_parallel_tool_calls(client: anthropic.AsyncAnthropic, streamed: bool) -> None:
    """Two tool_use blocks arrive whole, with ids of their own."""
    message = await ask(client, streamed, model="demo;tools=2", tools=[WEATHER])
    assert [(block.name, block.input) for block in message.content] == [("get_weather", {"city": "Zürich"})] * 2
    assert (len({block.id for block in message.content}), message.stop_reason) == (2, "tool_use")


async def test_tool_loop(client: anthropic.AsyncAnthropic) -> None:
    """A forced call and its result make a conversation that ends in words."""
    first = await ask(client, False, model="demo", tools=[WEATHER], tool_choice={"type": "any"})
    call = first.content[0]
    messages = [
        *HELLO["messages"],
        {"role": "assistant", "content": [call.model_dump(include={"type", "id", "name", "input"})]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "21 °C"}]},
    ]
    last = await ask(client, False, model="demo;tool=get_weather", messages=messages, tools=[WEATHER])
    assert last.content[0].text == "The tool answered: 21 °C"


@both
async def test_stop_sequence_and_max_tokens(client: anthropic.AsyncAnthropic, streamed: bool) -> None:
    """Both ways to shorten an answer show in its stop reason."""
    stopped = await ask(client, streamed, model="demo", stop_sequences=["!"])
    shortened = await ask(client, streamed, model="demo", max_tokens=2)
    assert (stopped.content[0].text, stopped.stop_sequence) == (PLAIN.split("!")[0], "!")
    assert (shortened.content[0].text, shortened.stop_reason) == ("Hello from ", "max_tokens")


async def test_events_in_order(client: anthropic.AsyncAnthropic) -> None:
    """A stream has the documented events in the documented order, a ping among them."""
    stream = await client.messages.create(**HELLO, model="demo;tokens=1", stream=True)
    assert [event.type async for event in stream] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_errors_are_the_sdks_own(client: anthropic.AsyncAnthropic) -> None:
    """Status and shape of an error make the SDK raise the right exception, also inside a stream."""
    with pytest.raises(anthropic.APIStatusError) as raised:
        await ask(client, False, model="demo;error=529")
    assert (raised.value.status_code, raised.value.body["error"]["type"]) == (529, "overloaded_error")
    with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
        await ask(client, True, model="demo;error_after=2;error=529")


async def test_models(client: anthropic.AsyncAnthropic) -> None:
    """Models can be listed and looked up in Anthropic's shape."""
    listed = [model.id async for model in client.models.list()]
    assert ("demo" in listed, (await client.models.retrieve("demo")).display_name) == (True, "demo")
