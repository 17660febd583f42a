"""The main job, seen by the clients that users have: the real SDKs and curl, with nothing changed but the address."""

import asyncio
import io
import json
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from tests.support.spend_logs import logged
from tests.support.stack import Stack
from tests.support.trouble import all_gauges

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL = {
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def openai_client(stack: Stack) -> openai.OpenAI:
    """The OpenAI SDK, which knows nothing of Tollway but its address and key."""
    return openai.OpenAI(base_url=f"{stack.url}/v1", api_key=stack.master_key, max_retries=0)


@pytest.fixture
def anthropic_client(stack: Stack) -> anthropic.Anthropic:
    """The Anthropic SDK likewise."""
    return anthropic.Anthropic(base_url=stack.url, api_key=stack.master_key, max_retries=0)


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the master key."""
    async with aiohttp.ClientSession(
        stack.url, headers=stack.headers(), timeout=aiohttp.ClientTimeout(total=90)
    ) as session:
        yield session


def behaving(option: str) -> dict[str, str]:
    """Return the header that has the demo provider behave so (docs/demo-provider.md)."""
    return {"x-demo-behaviour": option}


def test_the_printed_curl_line_works(stack: Stack) -> None:
    """What `tollway up` prints can be pasted as it stands."""
    lines = [line.strip() for line in stack.said().splitlines() if line.strip().startswith("curl ")]
    answer = subprocess.run(lines[0], shell=True, capture_output=True, timeout=60, check=True)
    assert json.loads(answer.stdout)["choices"][0]["message"]["content"]


async def test_an_openai_answer_and_its_cost(openai_client: openai.OpenAI, http: aiohttp.ClientSession) -> None:
    """The answer comes whole, its headers tell the cost, and the ledger holds the same cost once."""
    raw = openai_client.chat.completions.with_raw_response.create(model="demo", messages=HELLO)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage is not None
    entry = await logged(http, raw.headers["x-tollway-request-id"])
    assert entry["spend"] == float(raw.headers["x-tollway-cost"]) > 0
    assert (entry["prompt_tokens"], entry["completion_tokens"]) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )


def test_an_openai_stream(openai_client: openai.OpenAI) -> None:
    """A stream's pieces are the whole answer, and usage comes only to those who ask for it."""
    whole = openai_client.chat.completions.create(model="demo", messages=HELLO).choices[0].message.content
    plain = list(openai_client.chat.completions.create(model="demo", messages=HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in plain) == whole
    assert all(chunk.usage is None for chunk in plain)
    asked = list(
        openai_client.chat.completions.create(
            model="demo", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert asked[-1].usage is not None
    assert asked[-1].usage.completion_tokens > 0


async def test_an_openai_stream_tells_what_it_cost(openai_client: openai.OpenAI, http: aiohttp.ClientSession) -> None:
    """Who answers is in its headers, the cost in its last usage, and the ledger holds the same."""
    raw = openai_client.chat.completions.with_raw_response.create(
        model="demo", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    *_, last = raw.parse()
    assert (raw.headers["x-tollway-model-id"], raw.headers["x-litellm-model-id"]) == ("demo", "demo")
    assert raw.headers["x-tollway-attempts"] == "1"
    assert last.usage is not None
    entry = await logged(http, raw.headers["x-tollway-request-id"])
    assert (last.usage.model_extra or {})["cost"] == entry["spend"] > 0


async def test_an_anthropic_stream_tells_what_it_cost(
    anthropic_client: anthropic.Anthropic, http: aiohttp.ClientSession
) -> None:
    """It stands in the usage of `message_delta`."""
    with anthropic_client.messages.stream(model="demo", max_tokens=200, messages=HELLO) as stream:
        told = [(event.usage.model_extra or {})["cost"] for event in stream if event.type == "message_delta"]
        headers = stream.response.headers
    assert (headers["x-tollway-model-id"], headers["x-tollway-attempts"]) == ("demo", "1")
    entry = await logged(http, headers["x-tollway-request-id"])
    assert told == [entry["spend"]]
    assert entry["spend"] > 0


def test_openai_tools(openai_client: openai.OpenAI) -> None:
    """A tool call comes with whole arguments, and its result is answered."""
    tools: list[Any] = [{"type": "function", "function": TOOL}]
    first = openai_client.chat.completions.create(model="demo", messages=HELLO, tools=tools, tool_choice="required")
    call = first.choices[0].message.tool_calls[0]  # type: ignore[index]
    assert "city" in json.loads(call.function.arguments)  # type: ignore[union-attr]
    messages = [*HELLO, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    second = openai_client.chat.completions.create(model="demo", messages=messages, tools=tools)
    assert "rain" in (second.choices[0].message.content or "")


def test_an_anthropic_answer_and_stream(anthropic_client: anthropic.Anthropic) -> None:
    """Both ways give the same text, with usage, over a provider of the other dialect."""
    whole = anthropic_client.messages.create(model="demo", max_tokens=200, messages=HELLO)
    with anthropic_client.messages.stream(model="demo", max_tokens=200, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert whole.content[0].text == streamed.content[0].text  # type: ignore[union-attr]
    assert whole.usage.output_tokens == streamed.usage.output_tokens > 0


def test_anthropic_tools(anthropic_client: anthropic.Anthropic) -> None:
    """Tool use and tool result work as with Anthropic."""
    tools: list[Any] = [{"name": "weather", "input_schema": TOOL["parameters"]}]
    choice: Any = {"type": "any"}
    first = anthropic_client.messages.create(
        model="demo", max_tokens=200, messages=HELLO, tools=tools, tool_choice=choice
    )
    use = next(block for block in first.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "rain"}
    messages = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = anthropic_client.messages.create(model="demo", max_tokens=200, messages=messages, tools=tools)
    assert "rain" in second.content[0].text  # type: ignore[union-attr]


async def test_the_async_clients(stack: Stack) -> None:
    """The asynchronous SDKs stream side by side."""
    one = openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=stack.master_key, max_retries=0)
    other = anthropic.AsyncAnthropic(base_url=stack.url, api_key=stack.master_key, max_retries=0)

    async def by_openai() -> str:
        stream = await one.chat.completions.create(model="demo", messages=HELLO, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def by_anthropic() -> str:
        async with other.messages.stream(model="demo", max_tokens=200, messages=HELLO) as stream:
            return "".join([text async for text in stream.text_stream])

    answers = await asyncio.gather(*[ask() for ask in (by_openai, by_anthropic) for _ in range(10)])
    await one.close()
    await other.close()
    assert len(set(answers)) == 1


def test_models_in_both_shapes(openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic) -> None:
    """The list and one model come in the shape of whoever asks."""
    assert "demo" in [model.id for model in openai_client.models.list()]
    assert openai_client.models.retrieve("demo").id == "demo"
    assert "demo" in [model.id for model in anthropic_client.models.list()]
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("no-such-model")


DEEP = '{"model":"demo","messages":' + "[" * 200 + "]" * 200 + "}"
BAD_BODIES: list[tuple[str, bytes, int]] = [
    ("no JSON", b'{"model": "demo", ', 400),
    ("nothing", b"", 400),
    ("no object", b"[1]", 400),
    ("no messages", b'{"model": "demo"}', 400),
    ("empty messages", b'{"model": "demo", "max_tokens": 9, "messages": []}', 400),
    ("messages of a wrong type", b'{"model": "demo", "max_tokens": 9, "messages": "hi"}', 400),
    ("model of a wrong type", b'{"model": 5, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}', 400),
    ("deep nesting", DEEP.encode(), 400),
    ("a duplicate name", b'{"model": "demo", "model": "x", "messages": [{"role": "user", "content": "x"}]}', 400),
    ("invalid UTF-8", b'{"model": "demo", "messages": [{"role": "user", "content": "\xff"}]}', 400),
    ("NaN", b'{"model": "demo", "max_tokens": 9, "n": NaN, "messages": [{"role": "user", "content": "x"}]}', 400),
    ("a model that does not exist", b'{"model":"nope","max_tokens":9,"messages":[{"role":"user","content":"x"}]}', 404),
]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/messages", "/messages"])
@pytest.mark.parametrize(("what", "body", "status"), BAD_BODIES, ids=[case[0] for case in BAD_BODIES])
async def test_bad_input_is_told_in_the_callers_dialect(
    http: aiohttp.ClientSession, path: str, what: str, body: bytes, status: int
) -> None:
    """Whatever is wrong, the answer has the right status and the error shape of the caller's API."""
    async with http.post(path, data=body) as response:
        answer = await response.json()
        assert response.status == status, what
        assert "Traceback" not in str(answer)
        if path.endswith("messages"):
            assert answer["type"] == "error"
            assert answer["error"]["message"]
        else:
            assert set(answer["error"]) == {"message", "type", "param", "code"}
            assert isinstance(answer["error"]["code"], str)


async def test_bad_input_troubles_no_worker(stack: Stack, http: aiohttp.ClientSession) -> None:
    """The edge alone refuses it: no stage takes a message. That a model does not exist is for the router to say."""
    before = (await all_gauges(stack))["tollway_stage_handled_total"]
    for path in ("/v1/chat/completions", "/v1/messages"):
        for what, body, status in BAD_BODIES:
            if status == 404:
                continue
            async with http.post(path, data=body) as response:
                assert response.status == status, what
    assert (await all_gauges(stack))["tollway_stage_handled_total"] == before
    async with http.post("/v1/chat/completions", json={"model": "demo", "messages": HELLO}) as response:
        assert response.status == 200
    assert (await all_gauges(stack))["tollway_stage_handled_total"] > before


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": "application/json; charset=utf-16"}, b"{}", 415),
        ({"Content-Type": "application/json", "Content-Encoding": "br"}, b"{}", 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"no gzip", 400),
        ({"Authorization": "Bearer sk-wrong"}, b"", 401),
        ({"Authorization": "Basic abc"}, b"", 401),
        ({"Authorization": "Bearer " + "k" * 20_000}, b"", 401),
    ],
)
async def test_bad_headers(http: aiohttp.ClientSession, headers: dict[str, str], body: bytes, status: int) -> None:
    """Content types, encodings and keys that do not fit are refused as such."""
    good = json.dumps({"model": "demo", "messages": HELLO}).encode()
    async with http.post("/v1/chat/completions", data=body or good, headers=headers) as response:
        assert response.status == status


async def test_gzip_and_chunked_bodies(http: aiohttp.ClientSession) -> None:
    """A compressed body and a body of unknown length are read like any other."""
    import gzip

    body = json.dumps({"model": "demo", "messages": HELLO}).encode()
    async with http.post(
        "/v1/chat/completions", data=gzip.compress(body), headers={"Content-Encoding": "gzip"}
    ) as response:
        assert response.status == 200

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    async with http.post("/v1/chat/completions", data=pieces()) as response:
        assert response.status == 200


async def test_a_body_over_the_limit_is_413(http: aiohttp.ClientSession) -> None:
    """The limit is the edge's, and it is told before the body was read."""
    async with http.post("/v1/chat/completions", data=b"x", headers={"Content-Length": str(33 * 2**20)}) as response:
        assert response.status == 413


async def test_a_large_request_and_a_large_answer(http: aiohttp.ClientSession) -> None:
    """Twenty megabytes there and a megabyte back arrive whole."""
    text = "word " * (4 * 2**20)
    body = {"model": "demo", "messages": [{"role": "user", "content": text}]}
    sent = io.BytesIO(json.dumps(body).encode())
    async with http.post("/v1/chat/completions", data=sent, headers=behaving("tokens=150000")) as response:
        answer = await response.json()
        assert response.status == 200, answer
        assert answer["usage"]["prompt_tokens"] > 5_000_000
        assert answer["usage"]["completion_tokens"] == 150_000
        assert float(response.headers["x-tollway-cost"]) > 0
        assert response.headers["x-tollway-attempts"] == "1"


@pytest.mark.parametrize(("stream", "option"), [(True, "cut=5"), (False, "usage=none")])
async def test_a_large_request_without_a_reported_usage_is_counted(
    http: aiohttp.ClientSession, stream: bool, option: str
) -> None:
    """What the provider did not say, or could not say any more, is our own count."""
    chat = {"model": "demo", "stream": stream, "messages": [{"role": "user", "content": "word " * 100_000}]}
    sent = io.BytesIO(json.dumps(chat).encode())
    async with http.post("/v1/chat/completions", data=sent, headers=behaving(option)) as response:
        await response.read()
        entry = await logged(http, response.headers["x-tollway-request-id"])
    assert 90_000 < entry["prompt_tokens"] < 110_000
    assert entry["completion_tokens"] > 0


async def test_unknown_fields_go_through(http: aiohttp.ClientSession) -> None:
    """What Tollway does not know reaches the provider as it came; the gateway's own fields do not."""
    fields = {"x_vendor_option": {"a": [1, 2.50, None]}, "tags": ["t"], "num_retries": 1, "guardrails": []}
    body = {"model": "demo", "messages": HELLO, **fields}
    async with http.post("/v1/chat/completions", json=body, headers=behaving("show;lenient")) as response:
        shown = json.loads((await response.json())["choices"][0]["message"]["content"])
    assert shown["x_vendor_option"] == {"a": [1, 2.50, None]}
    assert not {"tags", "num_retries", "guardrails"} & set(shown)


@pytest.mark.parametrize(
    ("option", "status"), [("error=429;retry_after=7", 429), ("error=400", 400), ("error=503", 503), ("drop", 502)]
)
async def test_a_providers_error_keeps_its_status(http: aiohttp.ClientSession, option: str, status: int) -> None:
    """Status, message and `Retry-After` are the provider's."""
    body = {"model": "demo", "messages": HELLO}
    async with http.post("/v1/chat/completions", json=body, headers=behaving(option)) as response:
        assert response.status == status
        assert (await response.json())["error"]["message"]
        if status == 429:
            assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("option", ["cut=3", "error_after=3", "garbage=3"])
def test_a_stream_that_breaks_never_looks_complete(openai_client: openai.OpenAI, option: str) -> None:
    """The SDK sees an error, not an end."""
    with pytest.raises(openai.APIError):
        list(
            openai_client.chat.completions.create(
                model="demo", messages=HELLO, stream=True, extra_headers=behaving(option)
            )
        )


async def test_a_broken_anthropic_stream_ends_with_an_error_event(http: aiohttp.ClientSession) -> None:
    """In Anthropic's dialect too."""
    body = {"model": "demo", "max_tokens": 50, "stream": True, "messages": HELLO}
    async with http.post("/v1/messages", json=body, headers=behaving("cut=3")) as response:
        text = await response.text()
    assert "event: error" in text
    assert "message_stop" not in text


@pytest.mark.timeout(900)
async def test_health_and_metrics(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Probes answer, and the metrics of every service are on one page."""
    async with http.get("/health/liveliness") as response:
        assert response.status == 200
    async with http.get("/health/readiness") as response:
        assert (await response.json())["status"] == "healthy"
    await all_gauges(stack)
    async with http.get("/metrics") as response:
        text = await response.text()
    for service in ("edge", "auth", "guardrails", "router", "billing", "admin"):
        assert f'service="{service}"' in text
