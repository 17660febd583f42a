"""One amount of money in every place that shows it, two seconds after it was spent."""

import asyncio
import time

import pytest

from shared.pricing.money import NANO
from tests.support.managing import Management
from tests.support.stack import Stack

CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
REQUESTS = 20
AGREED_SECONDS = 2.0


def nanos(dollars: float) -> int:
    """Return an amount as the ledger counts it."""
    return round(dollars * NANO)


async def shown(management: Management, key: str, user: str, team: str) -> dict[str, int]:
    """Return what each place says was spent, in nano-dollars."""
    of_key, of_user, of_team, entries, keys = await asyncio.gather(
        management.get("/key/info", key=key), management.get("/user/info", user_id=user),
        management.get("/team/info", team_id=team), management.get("/spend/logs", api_key=key),
        management.get("/spend/keys", limit="1000"),
    )  # fmt: skip
    token = of_key.body["info"]["token"]
    return {
        "/key/info": nanos(of_key.body["info"]["spend"]),
        "/user/info": nanos(of_user.body["user_info"]["spend"]),
        "/team/info": nanos(of_team.body["team_info"]["spend"]),
        "/spend/logs": sum(nanos(entry["spend"]) for entry in entries.body),
        "/spend/keys": sum(nanos(row["spend"]) for row in keys.body if row["token"] == token),
    }


@pytest.mark.parametrize("budget", [None, 1.0], ids=["unlimited", "budgeted"])
async def test_key_user_team_and_ledger_show_the_same_spend(stack: Stack, budget: float | None) -> None:
    """The sum of what the answers said they cost stands everywhere at most two seconds after the last one."""
    name = f"agreed-{budget}"
    async with Management(stack) as management:
        await management.post("/team/new", team_id=name, max_budget=budget)
        await management.post("/user/new", user_id=name, auto_create_key=False, max_budget=budget)
        await management.post("/team/member_add", team_id=name, member={"role": "user", "user_id": name})
        made = await management.post("/key/generate", team_id=name, user_id=name, max_budget=budget)
        key = made.body["key"]
        answers = [await management.post("/v1/chat/completions", key, **CHAT) for _ in range(REQUESTS)]
        ended = time.monotonic()
        cost = sum(nanos(float(answer.headers["x-tollway-cost"])) for answer in answers)
        while True:
            asked = time.monotonic()
            now = await shown(management, key, name, name)
            if set(now.values()) == {cost}:
                break
            assert asked - ended < AGREED_SECONDS, (cost, now)
            await asyncio.sleep(0.05)
