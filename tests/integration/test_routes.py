"""Generated from the route table: every route as nobody, as a key holder, with a model that is not allowed, and with
content that a guardrail blocks."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from shared.routes import ROUTES, Route
from shared.routes.passthrough import passthrough_endpoints
from shared.schemas.limits import Limits
from shared.settings import Configuration
from tests.support.limited import limited_key
from tests.support.stack import Stack

NAMES = sorted(ROUTES)
CONFIG = {
    "guardrails": [{"name": "no-zeppelins", "type": "banned_words", "words": ["zeppelin"]}],
    "pass_through_endpoints": [{"path": "/mine", "target": "http://127.0.0.1:9", "include_subpath": True}],
}
ENDPOINTS = passthrough_endpoints(Configuration.model_validate(CONFIG))
NATIVE_CALLS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
PRICED = {"/openai": "gpt-4.1", "/anthropic": "claude-sonnet-4-5"}
"""Models of the vendors' own that have a price; another one is refused under a budget, whatever is left of it."""

BILLED = [(path, route, "demo") for route in ROUTES.values() if route.policy.billed for path in route.paths] + [
    (endpoint.path + NATIVE_CALLS[endpoint.route.dialect], endpoint.route, PRICED.get(endpoint.path, "demo"))
    for endpoint in ENDPOINTS
    if endpoint.route.policy.billed
]
"""Every path that costs something, with its route and a model; of pass-through one of each endpoint."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one guardrail."""
    with Stack(tmp_path_factory.mktemp("routes"), config=CONFIG) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP, with no key of its own."""
    async with aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=90)) as session:
        yield session


@pytest.fixture
async def limited(stack: Stack, http: aiohttp.ClientSession) -> str:
    """A virtual key that may use another model than the one that is asked for."""
    async with http.post("/key/generate", json={"models": ["another"]}, headers=stack.headers()) as response:
        return str((await response.json())["key"])


async def call(
    http: aiohttp.ClientSession,
    route: Route,
    path: str,
    headers: dict[str, str],
    content: str = "Hello",
    model: str = "demo",
) -> tuple[int, dict[str, Any]]:
    """Call a route with a body that would be right for it, and return status and answer."""
    body: dict[str, Any] = {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": content}]}
    method = "POST" if route.method == "*" else route.method
    data = json.dumps(body if route.policy.billed else {}).encode() if method == "POST" else None
    url = path.replace("{model}", "demo")
    async with http.request(
        method, url, data=data, headers={"Content-Type": "application/json", **headers}
    ) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_is_refused(http: aiohttp.ClientSession, name: str) -> None:
    """Without a key, and with one that does not exist, every path of every route is 401 in its own dialect."""
    route = ROUTES[name]
    for path in route.paths:
        for headers in ({}, {"Authorization": "Bearer sk-nobody-has-this-key"}):
            status, answer = await call(http, route, path, headers)
            assert (path, status) == (path, 401)
            assert answer["error"]["type"] == "authentication_error"
            assert ("type" in answer) == (route.dialect == "anthropic")


@pytest.mark.parametrize("name", [name for name in NAMES if "key_holder" not in ROUTES[name].policy.roles])
async def test_a_key_holder_is_kept_out_of_what_is_not_for_it(
    http: aiohttp.ClientSession, limited: str, name: str
) -> None:
    """Management routes that are not a key holder's are 403."""
    route = ROUTES[name]
    for path in route.paths:
        status, _ = await call(http, route, path, {"Authorization": f"Bearer {limited}"})
        assert (path, status) == (path, 403)


@pytest.mark.parametrize("name", [name for name in NAMES if ROUTES[name].policy.model])
async def test_a_model_that_is_not_allowed_is_refused(http: aiohttp.ClientSession, limited: str, name: str) -> None:
    """A key that is limited to another model gets 403, whether this one exists or not."""
    route = ROUTES[name]
    for path in route.paths:
        status, answer = await call(http, route, path, {"Authorization": f"Bearer {limited}"})
        assert (path, status) == (path, 403)
        assert "demo" in answer["error"]["message"]


@pytest.mark.parametrize("name", [name for name in NAMES if ROUTES[name].policy.guardrails])
async def test_blocked_content_is_refused(stack: Stack, http: aiohttp.ClientSession, name: str) -> None:
    """Content that a guardrail blocks is 400 and says which guardrail."""
    route = ROUTES[name]
    for path in route.paths:
        status, answer = await call(http, route, path, stack.headers(), "Tell me of the Zeppelin")
        assert (path, status) == (path, 400)
        assert "no-zeppelins" in answer["error"]["message"]


async def provider_calls(stack: Stack, http: aiohttp.ClientSession) -> int:
    """Return how many requests the demo provider has seen."""
    async with http.get(f"{stack.demo_url}/_demo/stats") as response:
        return int((await response.json())["requests"])


@pytest.mark.parametrize(("path", "route", "model"), BILLED, ids=[path for path, _, _ in BILLED])
async def test_who_is_over_budget_is_refused_before_a_provider_is_called(
    stack: Stack, http: aiohttp.ClientSession, path: str, route: Route, model: str
) -> None:
    """On every route that costs something, pass-through included, in its own dialect."""
    key = await limited_key(stack, Limits(max_budget=0))
    before = await provider_calls(stack, http)
    status, answer = await call(http, route, path, {"Authorization": f"Bearer {key}"}, model=model)
    assert (status, answer["error"]["type"]) == (400, "budget_exceeded"), answer
    assert answer["error"]["message"].startswith("Budget has been exceeded! Current cost: 0")
    assert ("type" in answer) == (route.dialect == "anthropic")
    assert await provider_calls(stack, http) == before


@pytest.mark.parametrize("header", ["x-tollway-api-key", "x-litellm-api-key", "api-key", "x-api-key"])
async def test_a_key_may_stand_in_any_of_the_headers(stack: Stack, http: aiohttp.ClientSession, header: str) -> None:
    """The key's headers all work, and one that holds a bad key is not rescued by another that holds a good one."""
    route = ROUTES["chat_completions"]
    assert (await call(http, route, route.paths[0], {header: stack.master_key}))[0] == 200
    both = {header: "sk-wrong", "Authorization": f"Bearer {stack.master_key}"}
    assert (await call(http, route, route.paths[0], both))[0] == 401


async def test_a_key_in_the_query_string_is_none(stack: Stack, http: aiohttp.ClientSession) -> None:
    """LLM routes take no key from the URL."""
    route = ROUTES["chat_completions"]
    for name in ("key", "api_key", "api-key"):
        status, _ = await call(http, route, f"{route.paths[0]}?{name}={stack.master_key}", {})
        assert status == 401


async def test_blocked_expired_and_deleted_keys(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Each stops working at once, and says why without telling of others."""
    route = ROUTES["chat_completions"]

    async def manage(path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with http.post(path, json=body, headers=stack.headers()) as response:
            assert response.status == 200, await response.text()
            return dict(await response.json() or {})

    async def status_of(key: str) -> int:
        return (await call(http, route, route.paths[0], {"Authorization": f"Bearer {key}"}))[0]

    key = str((await manage("/key/generate", {}))["key"])
    assert await status_of(key) == 200
    await manage("/key/block", {"key": key})
    assert await status_of(key) == 401
    await manage("/key/unblock", {"key": key})
    assert await status_of(key) == 200
    await manage("/key/delete", {"keys": [key]})
    assert await status_of(key) == 401
    made = await manage("/key/generate", {"duration": "1s"})
    brief = {"Authorization": f"Bearer {made['key']}"}
    async with asyncio.timeout(60):
        while (told := await call(http, route, route.paths[0], brief))[0] == 200:
            await asyncio.sleep(0.02)
    assert told[0] == 401
    assert "expired" in told[1]["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/chat/completions", 405), ("POST", "/v1/nothing", 404), ("DELETE", "/key/generate", 405)],
)
async def test_wrong_methods_and_paths(http: aiohttp.ClientSession, method: str, path: str, status: int) -> None:
    """What does not exist is told in OpenAI's error shape."""
    async with http.request(method, path) as response:
        assert response.status == status
        assert (await response.json())["error"]["message"]


async def test_a_new_model_serves_at_once_and_its_credential_is_never_shown(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    """A model that is added over the API answers on the next request, and is gone moments after it was deleted."""
    params = {"model": "demo/demo", "api_base": stack.demo_url, "api_key": "sk-a-provider-secret-1234"}
    body = {"model_name": "fresh/model", "litellm_params": params, "model_info": {}}
    async with http.post("/model/new", json=body, headers=stack.headers()) as response:
        made = await response.json()
        assert response.status == 200, made
    chat = {"model": "fresh/model", "messages": [{"role": "user", "content": "Hello"}]}
    async with http.post("/v1/chat/completions", json=chat, headers=stack.headers()) as response:
        # The demo provider of a stack takes its own key only, so the provider refuses: the model was found.
        assert response.status in (200, 401), await response.text()
    async with http.get("/v1/models/fresh/model", headers=stack.headers()) as response:
        assert response.status == 200
    async with http.get("/model/info", headers=stack.headers()) as response:
        assert "sk-a-provider-secret-1234" not in await response.text()
    model_id = made["model_info"]["id"]
    async with http.post("/model/delete", json={"id": model_id}, headers=stack.headers()) as response:
        assert response.status == 200

    async def status() -> int:
        async with http.post("/v1/chat/completions", json=chat, headers=stack.headers()) as response:
            return response.status

    async with asyncio.timeout(60):
        while await status() != 404:
            await asyncio.sleep(0.02)


async def test_labels_of_a_request_reach_the_ledger(stack: Stack, http: aiohttp.ClientSession) -> None:
    """A request id of the client's is a label, tags and end user are data; the ledger's key is the server's own id."""
    labels = {"x-request-id": "my-label-1", "x-litellm-tags": "red, blue", "x-litellm-end-user-id": "u1"}
    chat = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "tags": ["green"]}
    ids = set()
    for _ in range(2):
        async with http.post("/v1/chat/completions", json=chat, headers={**stack.headers(), **labels}) as response:
            assert response.headers["x-request-id"] == "my-label-1"
            ids.add(response.headers["x-tollway-request-id"])
    assert len(ids) == 2
