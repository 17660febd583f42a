"""Models and limits of everything around a key, on the whole stack: limits count in each scope over all its keys."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import msgspec
import pytest

from shared.pricing.money import NANO
from shared.schemas.limits import Limits, ModelLimits
from shared.store.budgets import BudgetRecord, budgets
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.people import (
    CustomerRecord,
    OrganizationRecord,
    TeamRecord,
    UserRecord,
    customers,
    organizations,
    teams,
    users,
)
from tests.support.limited import Answer, ask, burst, limited_key, statuses
from tests.support.stack import Stack

CONFIG: dict[str, Any] = {
    "server": {"trusted_proxies": ["127.0.0.0/8"]},
    "models": [
        {
            "model_name": "home-made",
            "deployments": [{"provider": "openai", "model": "home-made", "api_base": "http://127.0.0.1:9"}],
        },
        {
            "model_name": "other",
            "deployments": [{"provider": "demo", "model": "demo", "access_groups": ["group-of-others"]}],
        },
    ],
}
TINY = NANO // 1_000_000
"""A microdollar: less than the cheapest request."""


@pytest.fixture(scope="module")
def flat() -> Iterator[socket.socket]:
    """Where the endpoint with a price per request leads."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture(scope="module")
def stack(flat: socket.socket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two auth workers; each test uses names of its own."""
    target = f"http://127.0.0.1:{flat.getsockname()[1]}"
    endpoints = [{"path": "/flat", "target": target, "cost_per_request": 0.01}]
    config = CONFIG | {"pass_through_endpoints": endpoints}
    with Stack(tmp_path_factory.mktemp("limits"), workers={"auth": 2}, config=config) as running:
        yield running


@pytest.fixture
async def store(stack: Stack) -> AsyncIterator[Store]:
    """The stack's database."""
    store = Store.open(stack.mongodb_url)
    yield store
    await store.close()


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a bound of its own."""
    async with aiohttp.ClientSession(stack.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


def code(answer: Answer) -> str:
    """Return the code of an error."""
    error: dict[str, Any] = msgspec.json.decode(answer.text)["error"]
    return str(error["code"])


async def until_status(http: aiohttp.ClientSession, key: str, status: int, **body: Any) -> Answer:
    """Ask until a request ends so: spend counts moments after the answer, a change moments after it was made."""
    async with asyncio.timeout(60):
        while (answer := await ask(http, key, **body)).status != status:
            await asyncio.sleep(0.1)
    return answer


async def until_all(http: aiohttp.ClientSession, key: str, status: int, **body: Any) -> None:
    """Ask until twenty requests at once end so: then every worker has heard of it."""
    async with asyncio.timeout(60):
        while set(statuses(await burst(http, key, 20, **body))) != {status}:
            await asyncio.sleep(0.05)


async def test_a_team_is_limited_over_all_its_keys(stack: Stack, http: aiohttp.ClientSession, store: Store) -> None:
    """Two keys, each with room of its own, pass together as often as the team may; the refusal names the team."""
    await teams(store).insert(TeamRecord("shared", 1.0, limits=Limits(rpm=15)))
    keys = [await limited_key(stack, Limits(rpm=12), team_id="shared") for _ in range(2)]
    both = await asyncio.gather(*(burst(http, key, 20) for key in keys))
    assert statuses([answer for answers in both for answer in answers]) == {200: 15, 429: 25}
    assert all(statuses(answers)[200] <= 12 for answers in both)
    assert any("team" in answer.text for answers in both for answer in answers)


async def test_members_are_limited_one_by_one(stack: Stack, http: aiohttp.ClientSession, store: Store) -> None:
    """Each has what the team gives to every member, whatever the other one uses."""
    await teams(store).insert(TeamRecord("members", 1.0, member_limits=Limits(rpm=3)))
    for user in ("ann", "bob"):
        keys = [await limited_key(stack, Limits(), team_id="members", user_id=user) for _ in range(2)]
        answers = await asyncio.gather(*(burst(http, key, 5) for key in keys))
        assert statuses([*answers[0], *answers[1]]) == {200: 3, 429: 7}


async def test_a_user_is_limited_over_all_its_keys(stack: Stack, http: aiohttp.ClientSession, store: Store) -> None:
    """Rates hold for keys of teams, too."""
    await users(store).insert(UserRecord("carol", 1.0, limits=Limits(rpm=4)))
    await teams(store).insert(TeamRecord("any", 1.0))
    keys = [await limited_key(stack, Limits(), user_id="carol", team_id=team) for team in ("", "any")]
    answers = await asyncio.gather(*(burst(http, key, 5) for key in keys))
    assert statuses([*answers[0], *answers[1]]) == {200: 4, 429: 6}


async def test_a_model_is_limited_within_a_scope(stack: Stack, http: aiohttp.ClientSession) -> None:
    """The other models of the key are free, until the key itself is at its limit."""
    key = await limited_key(stack, Limits(rpm=8, models={"demo": ModelLimits(rpm=2)}))
    assert statuses(await burst(http, key, 5)) == {200: 2, 429: 3}
    assert statuses(await burst(http, key, 9, model="other")) == {200: 6, 429: 3}


async def test_an_end_user_is_limited_over_all_keys(stack: Stack, http: aiohttp.ClientSession, store: Store) -> None:
    """By the body's `user`; nobody else's requests count for it."""
    await customers(store).insert(CustomerRecord("dave", 1.0, limits=Limits(rpm=3)))
    await customers(store).insert(CustomerRecord("mallory", 1.0, blocked=True))
    await Changes(store).record("customer", "mallory")
    keys = [await limited_key(stack, Limits()) for _ in range(2)]
    await until_all(http, keys[0], 403, user="mallory")
    answers = await asyncio.gather(*(burst(http, key, 4, user="dave") for key in keys))
    assert statuses([*answers[0], *answers[1]]) == {200: 3, 429: 5}
    assert statuses(await burst(http, keys[0], 5, user="erin")) == {200: 5}


async def test_a_budget_by_id_counts_as_changed(stack: Stack, http: aiohttp.ClientSession, store: Store) -> None:
    """The object has the budget's limits, and has them as they are now."""
    await budgets(store).insert(BudgetRecord("plan", 1.0, Limits(rpm=2)))
    key = await limited_key(stack, Limits(), budget_id="plan")
    assert statuses(await burst(http, key, 5)) == {200: 2, 429: 3}

    async def raise_it(session: Any) -> None:
        await budgets(store).replace(BudgetRecord("plan", 1.0, Limits(rpm=6)), session)
        await Changes(store).record("budget", "plan", session)

    await store.atomically(raise_it)
    await until_status(http, key, 200)
    assert statuses(await burst(http, key, 5)) == {200: 3, 429: 2}


async def test_an_organizations_budget_ends_all_of_it(stack: Stack, http: aiohttp.ClientSession, store: Store) -> None:
    """The first request passes and spends it; then every key of every team is refused, and told by how much."""
    await organizations(store).insert(OrganizationRecord("acme", 1.0, limits=Limits(max_budget=TINY)))
    await teams(store).insert(TeamRecord("acme-1", 1.0, organization_id="acme"))
    first = await limited_key(stack, Limits(), team_id="acme-1")
    second = await limited_key(stack, Limits(), organization_id="acme")
    assert (await ask(http, first)).status == 200
    for key in (first, second):
        answer = await until_status(http, key, 400)
        assert code(answer) == "budget_exceeded"
        assert "Budget has been exceeded!" in answer.text


async def test_a_model_without_a_price_needs_a_caller_without_a_budget(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    """Under a budget it is refused before anybody is called; else it is tried."""
    poor = await limited_key(stack, Limits(max_budget=NANO))
    answer = await ask(http, poor, model="home-made")
    assert (answer.status, code(answer)) == (403, "model_unpriced")
    assert (await ask(http, await limited_key(stack, Limits(rpm=5)), model="home-made")).status == 502


async def test_a_model_that_does_not_exist_is_404_under_a_budget(stack: Stack, http: aiohttp.ClientSession) -> None:
    """What is not served has no price, but that is not what is wrong with it."""
    answer = await ask(http, await limited_key(stack, Limits(max_budget=NANO)), model="no-such-model")
    assert (answer.status, code(answer)) == (404, "model_not_found")


async def test_models_are_listed_as_the_caller_may_use_them(
    stack: Stack, http: aiohttp.ClientSession, store: Store
) -> None:
    """Within the team's list, with its access groups; the rest does not exist for the caller."""
    await teams(store).insert(TeamRecord("narrow", 1.0, models=("demo", "group-of-others")))
    for models, listed in (((), {"demo", "other"}), (("other", "home-made"), {"other"}), (("home-made",), set())):
        key = await limited_key(stack, Limits(), team_id="narrow", models=models)
        headers = {"Authorization": f"Bearer {key}"}
        async with http.get("/v1/models", headers=headers) as answer:
            assert {model["id"] for model in (await answer.json())["data"]} == listed
        for model in ("demo", "other", "home-made"):
            async with http.get(f"/v1/models/{model}", headers=headers) as answer:
                assert answer.status == (200 if model in listed else 404)
            if model not in listed:
                assert (await ask(http, key, model=model)).status == 403


async def test_an_alias_leads_to_its_model(stack: Stack, http: aiohttp.ClientSession, store: Store) -> None:
    """The key's and the team's; the model that it leads to answers, and must be allowed."""
    await teams(store).insert(TeamRecord("aliases", 1.0, models=("demo",), model_aliases={"quick": "demo"}))
    key = await limited_key(stack, Limits(), team_id="aliases", aliases={"mine": "demo", "more": "other"})
    for model, status in (("quick", 200), ("mine", 200), ("demo", 200), ("more", 403), ("other", 403)):
        assert (await ask(http, key, model=model)).status == status, model


async def test_a_key_works_from_its_networks(stack: Stack, http: aiohttp.ClientSession, store: Store) -> None:
    """The client is whom the trusted proxy was called by; what the client itself wrote before that is nothing."""
    await teams(store).insert(TeamRecord("office", 1.0, allowed_addresses=("192.0.2.0/25",)))
    key = await limited_key(stack, Limits(), team_id="office", allowed_addresses=("192.0.2.0/24", "2001:db8::/32"))
    for forwarded, status in (
        (None, 403),
        ("192.0.2.7", 200),
        ("192.0.2.7, 198.51.100.1", 403),
        ("198.51.100.1, 192.0.2.7", 200),
        ("192.0.2.200", 403),
        ("2001:db8::1", 403),
    ):
        headers = {"Authorization": f"Bearer {key}"} | ({"X-Forwarded-For": forwarded} if forwarded else {})
        async with http.get("/v1/models", headers=headers) as answer:
            assert answer.status == status, forwarded


async def test_an_endpoint_with_a_price_per_request_holds_it(
    stack: Stack, http: aiohttp.ClientSession, flat: socket.socket
) -> None:
    """Of twenty at once as many go on as the budget has room for, though none of them has ended yet."""
    key = await limited_key(stack, Limits(max_budget=2 * NANO // 100))
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    async def call() -> int:
        async with http.post(f"{stack.url}/flat", headers={"Authorization": f"Bearer {key}"}) as answer:
            return answer.status

    async with await asyncio.start_server(serve, sock=flat):
        calls = [asyncio.ensure_future(call()) for _ in range(20)]
        async with asyncio.timeout(60):
            while sum(one.done() for one in calls) < 18:
                await asyncio.sleep(0.02)
        go_on.set()
        results = [await one for one in calls]
    assert (results.count(200), results.count(429)) == (2, 18)
