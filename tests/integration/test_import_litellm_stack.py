"""Moving in from LiteLLM while Tollway runs: clients go on with the keys that they have."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.limited import Answer, ask
from tests.support.litellm_database import LiteLLMDatabase, token_of
from tests.support.litellm_world import KEY, SALT, at, by, fill
from tests.support.stack import ROOT, Stack
from tollway.litellm.run import LEFT_OUT

OVER = "sk-a-key-that-is-over-its-budget"
OF_BOB, OF_ANN = "sk-of-a-member-over-its-budget", "sk-of-a-member-with-a-limit"
IN_TEAM = "sk-of-a-team-over-its-budget"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with nothing in it."""
    with Stack(tmp_path_factory.mktemp("import"), workers={"auth": 2}) as running:
        yield running


@pytest.fixture(scope="module")
def litellm() -> Iterator[LiteLLMDatabase]:
    """LiteLLM's database, whose keys have spent what they may."""
    with LiteLLMDatabase() as database:
        fill(database)
        add, soon = database.add, at(days=-3)
        add("VerificationToken", token=token_of(OVER), max_budget=1.0, spend=1.5, budget_duration="30d",
            budget_reset_at=soon)  # fmt: skip
        people = [{"role": "user", "user_id": "bob"}, {"role": "user", "user_id": "ann"}]
        add("BudgetTable", budget_id="b-low", max_budget=0.5, **by())
        add("BudgetTable", budget_id="b-rate", rpm_limit=2, **by())
        add("TeamTable", team_id="crew", team_alias="Crew", members_with_roles=people)
        add("TeamMembership", team_id="crew", user_id="bob", budget_id="b-low", spend=0.5)
        add("TeamMembership", team_id="crew", user_id="ann", budget_id="b-rate")
        add("VerificationToken", token=token_of(OF_BOB), team_id="crew", user_id="bob")
        add("VerificationToken", token=token_of(OF_ANN), team_id="crew", user_id="ann")
        add("TeamTable", team_id="spent", team_alias="Spent", max_budget=2.0, spend=2.0)
        add("VerificationToken", token=token_of(IN_TEAM), team_id="spent")
        yield database


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession(stack.url) as session:
        yield session


def run(stack: Stack, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the command beside the stack."""
    command = [sys.executable, "-m", "tollway", "import-litellm", "--data-dir", str(stack.data_dir), *arguments]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("TOLLWAY_", "MONGODB_"))}
    plain |= {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=stack.folder, env=plain | env, capture_output=True, text=True, timeout=200, check=False
    )  # fmt: skip


async def until_known(http: aiohttp.ClientSession, key: str) -> Answer:
    """Ask with a key until the workers have heard that it is one."""
    async with asyncio.timeout(60):
        while (answer := await ask(http, key)).status == 401:
            await asyncio.sleep(0.05)
    return answer


async def info(http: aiohttp.ClientSession, stack: Stack, path: str) -> Any:
    """Return what a management route tells the operator."""
    async with http.get(path, headers=stack.headers()) as answer:
        return await answer.json()


async def test_clients_keep_their_keys_and_their_budgets(
    stack: Stack, litellm: LiteLLMDatabase, http: aiohttp.ClientSession
) -> None:
    """A key that was refused before the import works after it; one that is over its budget stays refused."""
    assert (await ask(http, KEY)).status == 401
    done = await asyncio.to_thread(run, stack, "--database-url", litellm.url, LITELLM_SALT_KEY=SALT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "What was imported" in done.stdout

    assert (await until_known(http, KEY)).status == 200
    for key in (OVER, OF_BOB, IN_TEAM):
        answer = await ask(http, key)
        assert answer.status == 400, answer.text
        assert json.loads(answer.text)["error"]["type"] == "budget_exceeded"
    assert [(await ask(http, OF_ANN)).status for _ in range(3)] == [200, 200, 429]

    assert (await info(http, stack, f"/key/info?key={token_of(KEY)}"))["info"]["spend"] >= 0.75
    assert (await info(http, stack, "/team/info?team_id=spent"))["team_info"]["spend"] == 2.0
    assert (await info(http, stack, "/customer/info?end_user_id=customer-1"))["spend"] == 4.5
    assert (await info(http, stack, "/global/spend"))["spend"] < 0.1

    again = await asyncio.to_thread(run, stack, "--database-url", litellm.url, LITELLM_SALT_KEY=SALT)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (await ask(http, KEY)).status == 200
    assert "canary" not in stack.logs() + done.stdout + again.stdout


def test_what_is_missing_is_one_sentence(stack: Stack, litellm: LiteLLMDatabase, tmp_path: Path) -> None:
    """No trace, no secret, and a code that scripts can tell."""
    for arguments, env, said in (
        ((), {}, "say where LiteLLM's database is"),
        (("--database-url", "postgresql://x:canary@127.0.0.1:1/d"), {}, "cannot be opened"),
        (("--database-url", litellm.url), {"LITELLM_SALT_KEY": "canary"}, "LITELLM_SALT_KEY opens none"),
        (("--database-url", litellm.url, "--data-dir", str(tmp_path)), {}, "no 'tollway up' runs on"),
        (("--database-url", litellm.url), {"MONGODB_URL": "mongodb://127.0.0.1:1/"}, "cannot be reached"),
        (("--database-url", litellm.url, "--report", "/nowhere/x"), {"LITELLM_SALT_KEY": SALT}, "cannot be written"),
    ):
        done = run(stack, *arguments, **env)
        assert done.returncode == 1, done.stdout + done.stderr
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert "canary" not in done.stderr + done.stdout


def test_the_exit_code_tells_that_something_was_left_out(stack: Stack, litellm: LiteLLMDatabase) -> None:
    """Also of a dry run."""
    litellm.add("VerificationToken", token=token_of("sk-per-day-0000000000"), key_alias="per day", tpd_limit=1000)
    done = run(stack, "--database-url", litellm.url, "--dry-run", LITELLM_SALT_KEY=SALT)
    assert done.returncode == LEFT_OUT
    assert "Left out of keys: per day." in done.stdout
