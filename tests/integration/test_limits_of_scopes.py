"""Every limit in every scope, set over the management routes and met by requests: tokens, slots, and money."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from shared.schemas.limits import Limits
from shared.store.connection import Store
from shared.store.people import MembershipRecord, membership_id, memberships
from tests.support.limited import BODY, Answer, ask
from tests.support.managing import Management
from tests.support.stack import Stack

LIMITS: dict[str, dict[str, Any]] = {
    "tokens": {"tpm_limit": 1},
    "parallel": {"max_parallel_requests": 1},
    "budget": {"max_budget": 1e-9},
}
"""What the first request uses up, by the measure that the refusal of the next one names."""

SCOPES = ("key", "user", "team", "member", "organization", "customer")
STATUS = {"tokens": 429, "parallel": 429, "budget": 400}
PERIOD = 3
"""Seconds of a budget's period."""

RAISED = 5
"""Seconds of a temporary increase, within which one request must have passed."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Two ways to ask within one scope; and one that looks the same and is outside."""

    keys: tuple[str, str]
    outside: str
    body: dict[str, Any]


@pytest.fixture
async def management(stack: Stack) -> AsyncIterator[Management]:
    """The management routes with the master key."""
    async with Management(stack) as management:
        yield management


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a bound of its own."""
    async with aiohttp.ClientSession(stack.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def made(management: Management, path: str, **body: Any) -> Any:
    """Make something and return what was answered."""
    reply = await management.ask("POST", path, body=body)
    assert reply.status == 200, reply.text
    return reply.body


async def new_key(management: Management, **body: Any) -> str:
    """Make a key."""
    return str((await made(management, "/key/generate", **body))["key"])


async def caller(stack: Stack, management: Management, scope: str, name: str, **limits: Any) -> Caller:
    """Make what the scope needs, with these limits, and keys in it."""
    of: dict[str, Any] = {}
    body: dict[str, Any] = {}
    match scope:
        case "key":
            key = await new_key(management, **limits)
            return Caller((key, key), await new_key(management), body)
        case "user":
            await made(management, "/user/new", user_id=name, auto_create_key=False, **limits)
            of = {"user_id": name}
        case "team":
            await made(management, "/team/new", team_id=name, **limits)
            of = {"team_id": name}
        case "member":
            await make_member(stack, management, name, limits)
            of = {"team_id": name, "user_id": name}
        case "organization":
            await made(management, "/organization/new", organization_id=name, organization_alias=name, **limits)
            of = {"organization_id": name}
        case "customer":
            await made(management, "/customer/new", user_id=name, **limits)
            body = {"user": name}
        case _:
            raise AssertionError(scope)
    keys = (await new_key(management, **of), await new_key(management, **of))
    outside = await new_key(management, **({"team_id": name} if scope == "member" else {}))
    return Caller(keys, outside, body)


async def make_member(stack: Stack, management: Management, name: str, limits: dict[str, Any]) -> None:
    """Make a team with a user in it; a member's slots have no field over HTTP, as with LiteLLM."""
    await made(management, "/team/new", team_id=name)
    await made(management, "/user/new", user_id=name, auto_create_key=False)
    if "max_parallel_requests" not in limits:
        said = {"max_budget_in_team" if field == "max_budget" else field: value for field, value in limits.items()}
        await made(management, "/team/member_add", team_id=name, member={"role": "user", "user_id": name}, **said)
        return
    store = Store.open(stack.mongodb_url)
    try:
        slots = Limits(parallel=limits["max_parallel_requests"])
        record = MembershipRecord(membership_id("team", name, name), "team", name, name, time.time(), limits=slots)
        await memberships(store).insert(record)
    finally:
        await store.close()


async def until(http: aiohttp.ClientSession, key: str, status: int, **body: Any) -> Answer:
    """Ask until a request ends so: spend counts moments after the answer, a change moments after it was made."""
    async with asyncio.timeout(90):
        while (answer := await ask(http, key, **body)).status != status:
            await asyncio.sleep(0.05)
    return answer


async def refused_by(http: aiohttp.ClientSession, caller: Caller, scope: str, measure: str) -> Answer:
    """Ask by the caller's second key until the limit refuses; nobody else is refused meanwhile."""
    answer = await until(http, caller.keys[1], STATUS[measure], **caller.body)
    told = answer.headers["x-tollway-limit-scope"], answer.headers["x-tollway-limit-measure"]
    assert told == (scope, measure), answer.text
    assert (await ask(http, caller.outside)).status == 200
    return answer


@pytest.mark.parametrize("measure", ["tokens", "budget"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_what_is_used_up_by_one_key_is_used_up_for_all(
    stack: Stack, management: Management, http: aiohttp.ClientSession, scope: str, measure: str
) -> None:
    """The first request passes and uses all there is; then each key of the scope is refused, and told whose it is."""
    asking = await caller(stack, management, scope, f"{scope}-{measure}", **LIMITS[measure])
    assert (await ask(http, asking.keys[0], **asking.body)).status == 200
    answer = await refused_by(http, asking, scope, measure)
    error = json.loads(answer.text)["error"]
    if measure == "budget":
        assert error["type"] == "budget_exceeded"
        assert error["message"].startswith("Budget has been exceeded! Current cost: ")
    else:
        assert error["code"] == "rate_limit_exceeded"
        assert 0 < int(answer.headers["retry-after"]) <= 61


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_slot_is_free_when_its_request_is_over(
    stack: Stack, management: Management, http: aiohttp.ClientSession, scope: str
) -> None:
    """While one request of the scope is in flight no other passes; when its client has left, one does."""
    asking = await caller(stack, management, scope, f"{scope}-parallel", **LIMITS["parallel"])
    headers = {"Authorization": f"Bearer {asking.keys[0]}", "x-demo-behaviour": "tokens=10000;rate=20/s"}
    body = {**BODY, **asking.body, "stream": True, "max_tokens": 10_000}
    async with http.post("/v1/chat/completions", json=body, headers=headers) as holding:
        assert holding.status == 200
        await holding.content.readany()
        await refused_by(http, asking, scope, "parallel")
    await until(http, asking.keys[1], 200, **asking.body)


@pytest.mark.parametrize("scope", ["key", "team"])
async def test_a_models_budget_ends_that_model(
    stack: Stack, management: Management, http: aiohttp.ClientSession, scope: str
) -> None:
    """`model_max_budget` refuses the one model, at every key of the scope, and leaves the other alone."""
    name = f"{scope}-model-budget"
    provider = {"model": "demo/demo", "api_base": stack.demo_url, "api_key": stack.secret("demo_key")}
    await made(management, "/model/new", model_name=name, litellm_params=provider)
    limit = {"model_max_budget": {"demo": {"budget_limit": 1e-9, "time_period": "1d"}}}
    asking = await caller(stack, management, scope, name, **limit)
    assert (await ask(http, asking.keys[0])).status == 200
    answer = await refused_by(http, asking, f"{scope}_model", "budget")
    assert json.loads(answer.text)["error"]["type"] == "budget_exceeded"
    for _ in range(3):
        assert (await until(http, asking.keys[1], 200, model=name)).status == 200


@pytest.mark.parametrize("scope", ["key", "team"])
async def test_a_budget_resets_when_its_period_ends(
    stack: Stack, management: Management, http: aiohttp.ClientSession, scope: str
) -> None:
    """Spent within a period it refuses until the next one begins, which then has a budget of its own."""
    limits = {**LIMITS["budget"], "budget_duration": f"{PERIOD}s"}
    asking = await caller(stack, management, scope, f"{scope}-period", **limits)
    first = await ask(http, asking.keys[0])
    assert first.status == 200
    await refused_by(http, asking, scope, "budget")
    passed = await until(http, asking.keys[1], 200)
    assert passed.ended // PERIOD > first.ended // PERIOD, "it was let through within its period"
    await refused_by(http, asking, scope, "budget")


@pytest.mark.parametrize("scope", ["key", "team"])
async def test_a_temporary_increase_counts_until_it_expires(
    stack: Stack, management: Management, http: aiohttp.ClientSession, scope: str
) -> None:
    """A spent budget that is raised for some seconds serves for these, and refuses again afterwards."""
    name = f"{scope}-increase"
    asking = await caller(stack, management, scope, name, **LIMITS["budget"])
    assert (await ask(http, asking.keys[0])).status == 200
    await refused_by(http, asking, scope, "budget")
    named = {"key": asking.keys[0]} if scope == "key" else {"team_id": name}
    ends = time.time() + RAISED
    more = {"temp_budget_increase": 1.0, "temp_budget_expiry": f"{RAISED}s"}
    await made(management, f"/{scope}/update", **named, **more)
    await until(http, asking.keys[1], 200)
    answer = await refused_by(http, asking, scope, "budget")
    assert answer.ended >= ends
