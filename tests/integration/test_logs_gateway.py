"""One request id through every service's log and the ledger, whoever has something to say about the request."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.limited import whole_lines
from tests.support.managing import Management
from tests.support.spend_logs import logged
from tests.support.stack import Stack
from tests.support.traffic import until
from tests.support.trouble import SERVICES, whole

WORKERS = dict.fromkeys((*SERVICES, "passthrough"), 1)
CHAT: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
FACTS = {"event", "level", "service", "timestamp", "worker"}
"""What every line has."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that writes a line for each request, with a guardrail."""
    words = {"name": "words", "type": "banned_words", "mode": "pre_call", "words": ["zeppelin"]}
    config = {"logging": {"requests": True, "level": "debug"}, "guardrails": [words]}
    with Stack(tmp_path_factory.mktemp("logs"), workers=WORKERS, config=config) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the master key."""
    await whole(stack, WORKERS)
    async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as session:
        yield session


def lines(stack: Stack) -> list[dict[str, Any]]:
    """Return every line of every service, in the order of files; the two servers write their own."""
    found = []
    for path in sorted((stack.data_dir / "logs").glob("*.log")):
        if path.stem.split("-")[0] in WORKERS:
            found += [json.loads(line) for line in whole_lines(path.read_text())]
    return found


async def about(stack: Stack, request_id: str, *events: str) -> list[dict[str, Any]]:
    """Return the lines about a request, once these events are among them."""

    def found() -> list[dict[str, Any]]:
        return [line for line in lines(stack) if line.get("request_id") == request_id]

    await until(lambda: set(events) <= {line["event"] for line in found()})
    return found()


async def test_a_failed_attempt_is_told_by_router_and_edge_and_entered(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    """The answer's id finds what the router met, how the edge ended it, and the entry with its attempts."""
    headers = {"x-demo-behaviour": "error=503"}
    async with http.post("/v1/chat/completions", json=CHAT, headers=headers) as answer:
        assert answer.status == 503
        request_id = answer.headers["x-tollway-request-id"]
    told = await about(stack, request_id, "router.attempt_failed", "edge.request_failed")
    assert {line["service"] for line in told} == {"router", "edge"}
    entry = await logged(http, request_id)
    assert entry["status"] == "failure"


async def test_a_blocked_request_is_told_by_guardrails_and_edge(stack: Stack, http: aiohttp.ClientSession) -> None:
    """By the name of the guardrail, and not by what it found."""
    body = {**CHAT, "messages": [{"role": "user", "content": "my zeppelin"}]}
    async with http.post("/v1/chat/completions", json=body) as answer:
        assert answer.status == 400
        request_id = answer.headers["x-tollway-request-id"]
    told = await about(stack, request_id, "guardrails.blocked", "edge.request_failed")
    assert {line["service"] for line in told} == {"guardrails", "edge"}
    assert "zeppelin" not in json.dumps(told)


async def test_a_soft_budget_is_told_by_auth_and_the_answer_entered(stack: Stack, http: aiohttp.ClientSession) -> None:
    """What auth has to say about a request that succeeds goes under the same id."""
    async with Management(stack) as management:
        key = (await management.post("/key/generate", soft_budget=1e-9, max_budget=1.0)).body["key"]
        warned = ""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            reply = await management.post("/v1/chat/completions", key, **CHAT)
            assert reply.status == 200, reply.text
            if "x-tollway-soft-budget-exceeded" in reply.headers:
                warned = reply.headers["x-tollway-request-id"]
                break
    told = await about(stack, warned, "limits.soft_budget_exceeded", "edge.request_ended")
    assert {line["service"] for line in told} == {"auth", "edge"}
    assert (await logged(http, warned))["status"] == "success"


async def test_management_is_told_by_admin_and_stands_in_the_audit_trail(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    """A change has one id in the logs of edge and admin, and in its audit entry."""
    async with http.post("/key/generate", json={"key_alias": "logged"}) as answer:
        assert answer.status == 200
        request_id = answer.headers["x-tollway-request-id"]
    told = await about(stack, request_id, "admin.answered", "edge.request_ended")
    assert {line["service"] for line in told} == {"admin", "edge"}
    async with http.get("/audit", params={"request_id": request_id}) as answer:
        assert len((await answer.json())["audit_logs"]) == 1


async def test_a_callers_own_id_is_a_label(stack: Stack, http: aiohttp.ClientSession) -> None:
    """It stands beside the server's id in the log and in the ledger, and is never the id itself."""
    async with http.post("/v1/chat/completions", json=CHAT, headers={"x-request-id": "mine-1"}) as answer:
        assert answer.headers["x-request-id"] == "mine-1"
        request_id = answer.headers["x-tollway-request-id"]
    (line,) = await about(stack, request_id, "edge.request_ended")
    assert (line["label"], line["status"]) == ("mine-1", 200)
    assert (await logged(http, request_id))["request_id"] == request_id != "mine-1"


async def test_every_line_is_json_with_its_service(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Where nobody reads along, each line of each service is one object with the same five facts in it."""
    told = lines(stack)
    assert {line["service"] for line in told} == set(WORKERS)
    assert [line for line in told if not line.keys() >= FACTS] == []
