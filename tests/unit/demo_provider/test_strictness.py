from typing import Any

import aiohttp
import pytest

from tollway.demo_provider import demo_provider

USER = {"role": "user", "content": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]}
USED = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
GATEWAY_FIELDS = ["guardrails", "fallbacks", "num_retries", "cache", "tags", "api_key"]


@pytest.mark.parametrize("field", GATEWAY_FIELDS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_gateway_fields_are_refused(post: Any, path: str, field: str) -> None:
    """A field that only a gateway knows must not reach a provider."""
    response = await post("demo", path, **{field: []})
    assert (response.status, field in await response.text()) == (400, True)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_lenient_lets_unknown_fields_pass(post: Any, path: str) -> None:
    """A lenient model ignores fields that it does not know, as many servers do."""
    assert (await post("demo;lenient", path, guardrails=[])).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "Hello"},
        {"messages": [{"role": "robot", "content": "Hello"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]},
        {"messages": [{"role": "system", "content": [IMAGE]}]},
        {"messages": [USER, CALLED]},
        {"messages": [USER, CALLED, USER]},
        {"messages": [USER, RESULT]},
        {"messages": [USER, CALLED, {**RESULT, "tool_call_id": "call_2"}]},
        {"max_tokens": 0},
        {"max_tokens": 1, "max_completion_tokens": 1},
        {"n": 0},
        {"temperature": 3},
        {"stop": ["a", "b", "c", "d", "e"]},
        {"stream_options": {"include_usage": True}},
        {"tool_choice": "auto"},
        {"metadata": {"nonce": 1}},
        {"model": "demo;nonsense"},
        {"stream": "yes"},
    ],
)
async def test_openai_refuses(post: Any, fields: dict[str, Any]) -> None:
    """What OpenAI refuses is refused in its error shape."""
    response = await post(fields.pop("model", "demo"), **fields)
    error = (await response.json())["error"]
    assert (response.status, error["type"], set(error)) == (
        400,
        "invalid_request_error",
        {"message", "type", "param", "code"},
    )


@pytest.mark.parametrize(
    "messages",
    [
        [USER, CALLED, RESULT],
        [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": [IMAGE]}],
        [{"role": "system", "content": [{"type": "text", "text": "x"}]}, USER],
    ],
)
async def test_openai_accepts(post: Any, messages: list[Any]) -> None:
    """Valid conversations of every kind are answered."""
    assert (await post("demo", messages=messages)).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": None},
        {"max_tokens": 0},
        {"messages": []},
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": [{"role": "assistant", "content": "x"}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
        {"messages": [{"role": "user", "content": [IMAGE]}]},
        {"messages": [USER, USE]},
        {"messages": [USER, USE, USER]},
        {"messages": [USER, USED]},
        {"temperature": 1.5},
        {"tool_choice": {"type": "any"}},
        {"tools": [{"name": "f"}]},
        {"thinking": {"type": "enabled", "budget_tokens": 100}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 1024},
        {"metadata": {"nonce": "1"}},
        {"n": 2},
    ],
)
async def test_anthropic_refuses(post: Any, fields: dict[str, Any]) -> None:
    """What Anthropic refuses is refused in its error shape."""
    response = await post("demo", "/v1/messages", **fields)
    body = await response.json()
    assert (response.status, body["type"], body["error"]["type"]) == (400, "error", "invalid_request_error")


async def test_anthropic_needs_max_tokens(http: aiohttp.ClientSession) -> None:
    """The missing field is named as Anthropic names it."""
    response = await http.post("/v1/messages", json={"model": "demo", "messages": [USER]})
    assert (await response.json())["error"]["message"] == "max_tokens: Field required"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"model": "demo\xff"}', b"[" * 100_000])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_broken_bodies_are_refused(http: aiohttp.ClientSession, path: str, body: bytes) -> None:
    """A body that is no JSON object gets 400."""
    response = await http.post(path, data=body, headers={"Content-Type": "application/json"})
    assert response.status == 400


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/v1/chat/completions", {}, "invalid_request_error"),
        ("/v1/chat/completions", {"Authorization": "Bearer wrong"}, "invalid_request_error"),
        ("/v1/chat/completions", {"x-api-key": "right"}, "invalid_request_error"),
        ("/v1/messages", {}, "authentication_error"),
        ("/v1/messages", {"x-api-key": "wrong"}, "authentication_error"),
        ("/v1/messages", {"Authorization": "Bearer wrong"}, "authentication_error"),
        ("/v1/files", {}, "invalid_request_error"),
    ],
)
async def test_wrong_keys_are_refused(path: str, headers: dict[str, str], kind: str) -> None:
    """Without the one key that was set the answer is 401, in the vendor's shape."""
    async with demo_provider(api_key="right") as provider, aiohttp.ClientSession(provider.url) as session:
        async with session.post(path, json={}, headers=headers) as response:
            assert (response.status, (await response.json())["error"]["type"]) == (401, kind)


async def test_anthropic_needs_its_version(provider: Any) -> None:
    """The version header is required."""
    async with aiohttp.ClientSession(provider.url, headers={"x-api-key": "k"}) as session:
        async with session.post("/v1/messages", json={}) as response:
            assert "anthropic-version" in await response.text()
