"""Money on the whole stack: every view of it agrees, and what providers were sent is paid for, whoever dies."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from shared.pricing.money import NANO
from shared.schemas.limits import Limits
from tests.support.books import Books
from tests.support.clock import clear_of_midnight
from tests.support.limited import Answer, ask, limited_key
from tests.support.stack import Stack
from tests.support.trouble import whole

ZONE = "America/New_York"
WORKERS = {"edge": 1, "auth": 2, "router": 1}
CONFIG = {
    "demo": True,
    "limits": {"time_zone": ZONE},
    "models": [
        {
            "model_name": "cheap-then-dear",
            "deployments": [
                {"provider": "demo", "model": "demo;error=503", "input_cost_per_token": 1e-6},
                {
                    "provider": "demo",
                    "model": "demo;tokens=7",
                    "weight": 0,
                    "input_cost_per_token": 5e-6,
                    "output_cost_per_token": 9e-6,
                },
            ],
        }
    ],
}
AGREE_SECONDS = 2.0
"""After so long every view of what was spent says the same."""

SLOTS_SECONDS = 4.0
"""By then the slots of a dead edge are free; its money is not."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One edge and one router, so that their death is felt."""
    with Stack(tmp_path_factory.mktemp("money"), workers=WORKERS, config=CONFIG) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose connections are new ones."""
    await whole(stack, WORKERS)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(stack.url, connector=connector) as session:
        yield session


async def manage(stack: Stack, http: aiohttp.ClientSession, path: str, **body: Any) -> dict[str, Any]:
    """Make something as an administrator."""
    async with http.post(path, json=body, headers=stack.headers()) as answer:
        assert answer.status == 200, await answer.text()
        return dict(await answer.json())


async def look(stack: Stack, http: aiohttp.ClientSession, path: str, **query: str) -> Any:
    """Look at something as an administrator."""
    async with http.get(path, params=query, headers=stack.headers()) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def views(stack: Stack, http: aiohttp.ClientSession, key: str, user: str, team: str) -> dict[str, int]:
    """Return what each view says was spent, in nano-dollars."""
    by_key, by_user, by_team, entries = await asyncio.gather(
        look(stack, http, "/key/info", key=key),
        look(stack, http, "/user/info", user_id=user),
        look(stack, http, "/team/info", team_id=team),
        look(stack, http, "/spend/logs", api_key=key),
    )
    dollars = {
        "key": by_key["info"]["spend"],
        "user": by_user["user_info"]["spend"],
        "team": by_team["team_info"]["spend"],
        "ledger": sum(entry["spend"] for entry in entries),
    }
    return {name: round(amount * NANO) for name, amount in dollars.items()}


def cost(answer: Answer) -> int:
    """Return nano-dollars of a whole answer."""
    return round(float(answer.headers["x-tollway-cost"]) * NANO)


async def test_every_view_says_the_same_within_two_seconds(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Key, user, team and ledger, to the last digit, with budgets of each; the best of three rounds, on any machine."""
    await clear_of_midnight(ZoneInfo(ZONE))
    await manage(stack, http, "/user/new", user_id="ann", max_budget=5, budget_duration="1d", auto_create_key=False)
    await manage(stack, http, "/team/new", team_id="reds", max_budget=5, budget_duration="1mo")
    await manage(stack, http, "/team/member_add", team_id="reds", member={"user_id": "ann", "role": "user"})
    made = await manage(stack, http, "/key/generate", user_id="ann", team_id="reds", max_budget=5)
    key, spent, took = made["key"], 0, []
    for _ in range(3):
        answers = await asyncio.gather(*[ask(http, key, f"tokens={n + 1}") for n in range(10)])
        spent += sum(cost(answer) for answer in answers)
        told = time.monotonic()
        async with asyncio.timeout(90):
            while set((await views(stack, http, key, "ann", "reds")).values()) != {spent}:
                await asyncio.sleep(0.05)
        took.append(time.monotonic() - told)
    assert spent > 0
    assert min(took) <= AGREE_SECONDS
    # The limiter says the same: one request more than the rest of the budget is refused with that figure.
    await manage(stack, http, "/key/update", key=key, max_budget=spent / NANO)
    async with asyncio.timeout(90):
        while (refused := await ask(http, key)).status != 400:
            await asyncio.sleep(0.05)
    message = json.loads(refused.text)["error"]["message"]
    assert f"Current cost: {spent / NANO:.9f}".rstrip("0") in message


async def test_budgets_reset_at_midnight_of_the_stated_zone(stack: Stack, http: aiohttp.ClientSession) -> None:
    """What the API says of a budget's end, for days, weeks and months; whatever the clocks do in between."""
    await clear_of_midnight(ZoneInfo(ZONE))
    for duration in ("1d", "7d", "1mo"):
        made = await manage(stack, http, "/key/generate", max_budget=1, budget_duration=duration)
        info = (await look(stack, http, "/key/info", key=made["key"]))["info"]
        reset = datetime.fromisoformat(info["budget_reset_at"]).astimezone(ZoneInfo(ZONE))
        now = datetime.now(ZoneInfo(ZONE))
        assert (reset.hour, reset.minute, reset.second) == (0, 0, 0)
        assert reset > now - timedelta(minutes=1)
        days = {"1d": 1, "7d": 7 - now.weekday(), "1mo": (reset.date() - now.date()).days}[duration]
        assert (reset.date() - now.date()).days in (days, days - 1)
        assert duration != "1mo" or reset.day == 1


async def test_another_deployment_is_charged_at_its_own_price(
    stack: Stack, http: aiohttp.ClientSession, books: Books
) -> None:
    """The one that refused costs nothing, the one that answered what it costs itself."""
    key = await limited_key(stack, Limits(max_budget=NANO))
    answer = await ask(http, key, model="cheap-then-dear")
    assert answer.status == 200, answer.text
    usage = json.loads(answer.text)["usage"]
    assert cost(answer) == usage["prompt_tokens"] * 5000 + usage["completion_tokens"] * 9000
    id = answer.headers["x-tollway-request-id"]
    attempts = (await books.entries([id]))[id]["attempts"]
    assert [attempt["cost"] for attempt in attempts] == [0, cost(answer)]


async def test_a_router_that_dies_leaves_an_estimate(stack: Stack, http: aiohttp.ClientSession, books: Books) -> None:
    """Its request's input stands as spent, in the ledger and in the budget, marked as estimated."""
    key = await limited_key(stack, Limits(max_budget=1000))
    calls = (await books.sold())["calls"]["open"]
    asking = asyncio.ensure_future(ask(http, key, "latency=60s"))
    while (await books.sold())["calls"]["open"] != calls + 1:
        await asyncio.sleep(0.05)
    stack.kill("router")
    lost = await asking
    assert (lost.status, json.loads(lost.text)["error"]["code"]) == (502, "worker_lost")
    id = lost.headers["x-tollway-request-id"]
    entry = (await books.entries([id]))[id]
    assert (entry["outcome"], entry["estimated"]) == ("lost", True)
    assert entry["cost"] > 1000
    await whole(stack, WORKERS)
    async with asyncio.timeout(90):
        while (refused := await ask(http, key)).status != 400:
            await asyncio.sleep(0.1)
    assert "Budget has been exceeded!" in refused.text
    told = await look(stack, http, "/key/info", key=key)
    assert round(told["info"]["spend"] * NANO) == entry["cost"]


async def test_where_nobody_is_left_to_tell_the_hold_stands(
    stack: Stack, http: aiohttp.ClientSession, books: Books
) -> None:
    """Edge and router die together with a call at the provider: what it may cost stays held, and nothing passes."""
    key = await limited_key(stack, Limits(max_budget=1000))
    calls = (await books.sold())["calls"]["open"]
    asking = asyncio.ensure_future(ask(http, key, "latency=60s"))
    while (await books.sold())["calls"]["open"] != calls + 1:
        await asyncio.sleep(0.05)
    stack.kill("edge")
    stack.kill("router")
    assert (await asking).status == 0
    await whole(stack, WORKERS)
    until = time.monotonic() + SLOTS_SECONDS
    while time.monotonic() < until:
        held = await ask(http, key)
        assert (held.status, json.loads(held.text)["error"]["code"]) == (429, "budget_held")
        assert int(held.headers["retry-after"]) >= 1
