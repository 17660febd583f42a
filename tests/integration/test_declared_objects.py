"""Objects of the configuration file, on the whole stack with two admins, two routers and two auths."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.managing import Management, Reply
from tests.support.stack import Stack
from tollway.stack.difference import NOTHING

KEY, ROTATED = "sk-declared-in-the-file", "sk-declared-and-rotated"
DEMO_KEY = "sk-of-the-demo-provider"
WITHIN = 30.0
"""Seconds after which a worker has not heard of a change at all."""


def file(**sections: Any) -> dict[str, Any]:
    """Return what the file says, apart from what all of them do."""
    fixed = [{"model_name": "fixed", "deployments": [{"provider": "demo", "model": "demo", "id": "fixed-1"}]}]
    return {"models": fixed, **sections}


FIRST = file(
    budgets=[{"budget_id": "tier", "max_budget": 5, "budget_duration": "30d"}],
    organizations=[{"organization_id": "acme", "members": [{"user_id": "ada", "role": "org_admin"}]}],
    teams=[
        {
            "team_id": "research",
            "organization_id": "acme",
            "models": ["fixed"],
            "members": [{"user_id": "ada", "max_budget_in_team": 3}],
        }
    ],
    users=[{"user_id": "ada"}],
    customers=[{"user_id": "jane", "budget_id": "tier"}],
    keys=[{"key_alias": "ci", "key": "${CI_KEY}", "team_id": "research", "user_id": "ada"}],
)


class Declared:
    """A stack and its file."""

    def __init__(self, stack: Stack, path: Path) -> None:
        self.stack = stack
        self.path = path

    def write(self, content: dict[str, Any]) -> None:
        """Change the file."""
        self.path.write_text(yaml.safe_dump(content))

    def check(self) -> "subprocess.CompletedProcess[str]":
        """Run `tollway check --diff`."""
        command = [sys.executable, "-m", "tollway", "check", "--diff", "--config", str(self.path)]
        command += ["--data-dir", str(self.stack.data_dir)]
        environment = self.stack.environment()
        return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Declared]:
    """One stack for all tests here, which go on where the one before stopped."""
    folder = tmp_path_factory.mktemp("declared")
    environment = {"CI_KEY": KEY, "NEXT_KEY": ROTATED, "DEMO_API_KEY": DEMO_KEY}
    secrets = folder / "data" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "demo_key").write_text(DEMO_KEY)
    workers = {"admin": 2, "router": 2, "auth": 2}
    with Stack(folder, config=FIRST, env=environment, workers=workers) as stack:
        yield Declared(stack, folder / "tollway.yaml")


@pytest.fixture
async def manage(declared: Declared) -> AsyncIterator[Management]:
    """The master key's holder, in front of a stack that goes by the first file."""
    async with Management(declared.stack) as management:
        declared.write(FIRST)
        reply = await management.post("/config/reload")
        assert reply.status == 200, reply.text
        yield management


async def chat(manage: Management, key: str | None, model: str) -> Reply:
    """Ask a model."""
    messages = [{"role": "user", "content": "Hello"}]
    return await manage.post("/v1/chat/completions", key, model=model, messages=messages)


async def answers(manage: Management, key: str | None, model: str, status: int) -> bool:
    """Tell whether every worker answers so before long."""
    end = time.monotonic() + WITHIN
    while True:
        replies = await asyncio.gather(*[chat(manage, key, model) for _ in range(8)])
        if {reply.status for reply in replies} == {status}:
            return True
        if time.monotonic() > end:
            return False


async def test_what_the_file_declares_is_there_at_the_start(declared: Declared, manage: Management) -> None:
    """Made once, though two admins began at the same time; the key works, within its team's models."""
    assert await answers(manage, KEY, "fixed", 200)
    (budget,) = (await manage.post("/budget/info", budgets=["tier"])).body
    assert (budget["max_budget"], budget["declared"]) == (5, True)
    jane = (await manage.get("/customer/info", end_user_id="jane")).body
    assert (jane["declared"], jane["litellm_budget_table"]["max_budget"]) == (True, 5)
    acme = (await manage.get("/organization/info", organization_id="acme")).body
    assert (acme["declared"], [team["team_id"] for team in acme["teams"]]) == (True, ["research"])
    assert [(member["user_id"], member["user_role"]) for member in acme["members"]] == [("ada", "org_admin")]
    team = (await manage.get("/team/info", team_id="research")).body
    (member,) = team["team_memberships"]
    assert (member["declared"], member["litellm_budget_table"]["max_budget"]) == (True, 3)
    people = (("user", "ada"), ("organization", "acme"), ("team", "research"))
    for table, id in (("budget", "tier"), ("customer", "jane"), *people):
        made = (await manage.get("/audit", table_name=table, object_id=id, action="created")).body["audit_logs"]
        assert [(entry["event"], entry["changed_by"]) for entry in made] == [
            (f"{table}.declared", "configuration file")
        ]
        if table == "budget":
            assert made[0]["updated_values"]["max_budget"] == 5
    assert KEY not in declared.stack.logs()


async def test_the_api_changes_nothing_of_it(manage: Management) -> None:
    """400 with the field that names the object."""
    for path, body, param in (
        ("/budget/update", {"budget_id": "tier", "max_budget": 9}, "budget_id"),
        ("/budget/delete", {"id": "tier"}, "id"),
        ("/customer/update", {"user_id": "jane", "blocked": True}, "user_id"),
        ("/customer/block", {"user_ids": ["jane"]}, "user_ids"),
        ("/customer/delete", {"user_ids": ["jane"]}, "user_ids"),
        ("/key/update", {"key": KEY, "max_budget": 9}, "key"),
        ("/key/block", {"key": KEY}, "key"),
        ("/key/regenerate", {"key": KEY}, "key"),
        ("/key/delete", {"key_aliases": ["ci"]}, "key"),
        ("/team/update", {"team_id": "research", "max_budget": 9}, "team_id"),
        ("/team/block", {"team_id": "research"}, "team_id"),
        ("/team/delete", {"team_ids": ["research"]}, "team_ids"),
        ("/team/member_update", {"team_id": "research", "user_id": "ada", "role": "admin"}, "user_id"),
        ("/team/member_delete", {"team_id": "research", "user_id": "ada"}, "user_id"),
        ("/organization/update", {"organization_id": "acme", "max_budget": 9}, "organization_id"),
        ("/organization/delete", {"organization_ids": ["acme"]}, "organization_ids"),
        (
            "/organization/member_update",
            {"organization_id": "acme", "user_id": "ada", "role": "internal_user"},
            "user_id",
        ),
        ("/organization/member_delete", {"organization_id": "acme", "user_id": "ada"}, "user_id"),
        ("/user/update", {"user_id": "ada", "max_budget": 9}, "user_id"),
        ("/user/delete", {"user_ids": ["ada"]}, "user_ids"),
    ):
        reply = await manage.ask("POST", path, None, body)
        assert (reply.status, reply.param) == (400, param), (path, reply.text)
        assert "configuration file" in reply.message
    info = (await manage.get("/key/info", key=KEY)).body["info"]
    assert (info["declared"], info["blocked"], info["key_alias"]) == (True, False, "ci")
    assert [key["key_alias"] for key in (await manage.get("/key/list", return_full_object="true")).body["keys"]] == [
        "ci"
    ]


async def test_the_api_adds_members_beside_those_of_the_file(declared: Declared, manage: Management) -> None:
    """They stay through a reload; one whom the file names later is the file's, and goes with it."""
    member = {"user_id": "bob", "role": "admin"}
    assert (await manage.post("/team/member_add", team_id="research", member=member)).status == 200
    (added,) = (await manage.get("/audit", object_id="team/research/bob")).body["audit_logs"]
    assert (added["object_id"], added["event"]) == ("team/research/bob", "team.member_added")
    assert (await manage.post("/config/reload")).body["changes"] == []
    (team,) = FIRST["teams"]
    declared.write({**FIRST, "teams": [{**team, "members": [*team["members"], {"user_id": "bob", "rpm_limit": 5}]}]})
    (change,) = (await manage.post("/config/reload")).body["changes"]
    assert (change["kind"], change["name"], change["action"]) == ("member", "bob of team research", "change")
    refused = await manage.post("/user/delete", user_ids=["bob"])
    assert (refused.status, refused.param) == (400, "user_ids"), refused.text
    declared.write(FIRST)
    (change,) = (await manage.post("/config/reload")).body["changes"]
    assert (change["name"], change["action"]) == ("bob of team research", "remove")
    assert (await manage.post("/user/delete", user_ids=["bob"])).status == 200


async def test_a_reload_applies_the_file_on_every_worker(declared: Declared, manage: Management) -> None:
    """Objects and models come, change and go without a restart; what needs one is named."""
    pids = declared.stack.run_facts()["pids"]
    more = [*FIRST["models"], {"model_name": "second", "deployments": [{"provider": "demo", "model": "demo"}]}]
    declared.write(
        file(
            models=more,
            teams=[{"team_id": "research", "models": ["second"], "max_budget": 1}],
            keys=[{"key_alias": "ci", "key": "${CI_KEY}", "team_id": "research"}],
            server={"max_in_flight": 999},
        )
    )
    reply = await manage.post("/config/reload")
    steps = {(step["action"], step["kind"], step["name"]): step["fields"] for step in reply.body["changes"]}
    assert steps == {
        ("remove", "budget", "tier"): [],
        ("remove", "customer", "jane"): [],
        ("remove", "user", "ada"): [],
        ("remove", "organization", "acme"): [],
        ("remove", "member", "ada of organization acme"): [],
        ("remove", "member", "ada of team research"): [],
        ("change", "team", "research"): ["organization_id", "models", "limits"],
        ("change", "key", "ci"): ["user_id"],
        ("create", "model", "second/0"): [],
    }
    assert reply.body["restart_needed"] == ["server"]
    assert await answers(manage, KEY, "second", 200)
    assert await answers(manage, KEY, "fixed", 403)
    assert (await manage.get("/customer/info", end_user_id="jane")).status == 404
    assert declared.stack.run_facts()["pids"] == pids
    infos = [await manage.get("/model/info", litellm_model_id="second/0") for _ in range(4)]
    assert {info.status for info in infos} == {200}
    declared.write(FIRST)
    await manage.post("/config/reload")
    assert await answers(manage, None, "second", 404)


async def test_a_deployment_of_the_file_may_refer_to_its_credential(declared: Declared, manage: Management) -> None:
    """As one of the API may; where the reference leads nowhere the others serve."""
    base = f"{declared.stack.demo_url}/v1"
    deployments = [
        {"provider": "openai", "model": "demo", "api_base": base, "api_key": f"os.environ/{name}"}
        for name in ("DEMO_API_KEY", "MISSING_API_KEY")
    ]
    groups = [{"model_name": f"referring-{number}", "deployments": [item]} for number, item in enumerate(deployments)]
    groups.append({"model_name": "referring-both", "deployments": deployments})
    declared.write({**FIRST, "models": [*FIRST["models"], *groups]})
    await manage.post("/config/reload")
    assert await answers(manage, None, "referring-0", 200)
    assert await answers(manage, None, "referring-both", 200)
    assert await answers(manage, None, "referring-1", 503)
    assert "'referring-1' exists" in (await chat(manage, None, "referring-1")).message
    assert await answers(manage, None, "referring-2", 404)
    params = {"model": "openai/demo", "api_base": base, "litellm_credential_name": "demo-account"}
    credential = {"credential_name": "demo-account", "credential_values": {"api_key": "os.environ/MISSING_API_KEY"}}
    assert (await manage.post("/credentials", **credential)).status == 200
    made = await manage.post("/model/new", model_name="stored", litellm_params=params)
    assert await answers(manage, None, "stored", 503)
    assert (await manage.post("/model/delete", id=made.body["model_info"]["id"])).status == 200
    assert await answers(manage, None, "stored", 404)
    assert await answers(manage, None, "fixed", 200)
    assert DEMO_KEY not in declared.stack.logs()


async def test_a_rotated_key_goes_on_with_its_spend(declared: Declared, manage: Management) -> None:
    """The old value stops at once, and the ledger knows one key."""
    assert (await chat(manage, KEY, "fixed")).status == 200
    keys = [{"key_alias": "ci", "key": "${NEXT_KEY}", "team_id": "research"}]
    declared.write({**FIRST, "keys": keys})
    await manage.post("/config/reload")
    assert await answers(manage, ROTATED, "fixed", 200)
    assert await answers(manage, KEY, "fixed", 401)


async def test_a_file_that_cannot_be_applied_changes_nothing(declared: Declared, manage: Management) -> None:
    """A mistake, a reference to nothing, a budget that somebody still uses."""
    await manage.post("/customer/new", user_id="uses tier", budget_id="tier")
    for content, status, what in (
        ({**FIRST, "teams": [{"team_id": "t", "max_budgett": 1}]}, 400, "max_budgett"),
        ({**FIRST, "keys": [{"key_alias": "x", "key": "${CI_KEY}", "team_id": "nowhere"}]}, 400, "no team 'nowhere'"),
        ({**FIRST, "users": [], "keys": []}, 400, "no user 'ada'"),
        ({**FIRST, "budgets": [], "customers": []}, 409, "still in use"),
    ):
        declared.write(content)
        reply = await manage.post("/config/reload")
        assert (reply.status, what in reply.message) == (status, True), reply.text
    assert await answers(manage, KEY, "fixed", 200)
    await manage.post("/customer/delete", user_ids=["uses tier"])


async def test_check_shows_the_plan(declared: Declared, manage: Management) -> None:
    """Against what runs, and without a secret in it; an applied file changes nothing."""
    assert declared.check().stdout.splitlines()[-1] == NOTHING
    teams = [{"team_id": "research", "blocked": True}, {"team_id": "new", "models": ["fixed", "demo", "fxied"]}]
    models = [
        {"model_name": "fixed", "deployments": [{"provider": "demo", "model": "demo", "id": "fixed-1", "weight": 2}]}
    ]
    declared.write({**FIRST, "organizations": [], "teams": teams, "users": [], "keys": [], "models": models})
    done = declared.check()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "- key ci",
        "- member ada of organization acme",
        "- member ada of team research",
        "- organization acme",
        "- user ada",
        "~ team research (organization_id, models, blocked)",
        "+ team new",
        "~ model fixed-1 (weight)",
        "The team new may use the model 'fxied', which does not exist.",
    ]
    assert (await manage.get("/customer/info", end_user_id="jane")).status == 200
    declared.write({**FIRST, "users": [], "keys": []})
    done = declared.check()
    assert (done.returncode, "no user 'ada'" in done.stdout + done.stderr) == (1, True)


async def test_sighup_applies_the_file_too(declared: Declared, manage: Management) -> None:
    """By successors, one after another."""
    declared.write({**FIRST, "customers": [*FIRST["customers"], {"user_id": "late"}]})
    declared.stack.send(signal.SIGHUP)
    end = time.monotonic() + 150
    while (await manage.get("/customer/info", end_user_id="late")).status != 200:
        assert time.monotonic() < end, declared.stack.logs("admin")
        await asyncio.sleep(0.1)
    while "All services were restarted" not in declared.stack.said():
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
