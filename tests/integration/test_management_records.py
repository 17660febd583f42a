"""Budgets, customers, models, credentials and the audit trail over HTTP, on the whole stack with two of each worker."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.support.clock import clear_of_midnight
from tests.support.managing import Management, Reply
from tests.support.stack import Stack
from tests.support.vault import TOKEN, VaultServer

WITHIN = 1.0
"""Seconds in which a changed model serves on every worker; the best of several changes, on any machine."""

LATEST = 60.0
"""Seconds after which it was not heard of at all."""


@pytest.fixture(scope="module")
def vault() -> Iterator[VaultServer]:
    """A Vault that the stack is configured with."""
    with VaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def stack(vault: VaultServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests here; each makes objects of names of its own."""
    config = {
        "credentials": {"vault": {"address": vault.url, "token": TOKEN}, "refresh_seconds": 1},
        "models": [{"model_name": "fixed", "deployments": [{"provider": "demo", "model": "demo"}]}],
    }
    folder = tmp_path_factory.mktemp("records")
    with Stack(folder, config=config, workers={"admin": 2, "router": 2}) as running:
        vault.secrets["demo"] = {"api_key": running.secret("demo_key")}
        yield running


@pytest.fixture
async def manage(stack: Stack) -> AsyncIterator[Management]:
    """The master key's holder."""
    async with Management(stack) as management:
        yield management


async def chat(manage: Management, model: str) -> Reply:
    """Ask a model."""
    return await manage.post("/v1/chat/completions", model=model, messages=[{"role": "user", "content": "Hello"}])


async def serves(manage: Management, model: str, status: int = 200) -> float:
    """Return after how long every worker answers so: many requests, sent to whichever worker is next."""
    began = time.monotonic()
    while True:
        replies = await asyncio.gather(*[chat(manage, model) for _ in range(8)])
        took = time.monotonic() - began
        if {reply.status for reply in replies} == {status}:
            return took
        assert took < LATEST, [reply.text for reply in replies]


async def test_a_budget_is_made_changed_shown_and_deleted(manage: Management) -> None:
    """In dollars, with null apart from absent."""
    made = await manage.post("/budget/new", budget_id="free ünï", max_budget=0.5, budget_duration="30d", rpm_limit=10)
    assert (made.status, made.body["max_budget"], made.body["budget_duration"]) == (200, 0.5, "30d")
    taken = await manage.post("/budget/new", budget_id="free ünï")
    assert (taken.status, taken.param) == (409, "budget_id")
    changed = await manage.post("/budget/update", budget_id="free ünï", rpm_limit=None, tpm_limit=100)
    assert (changed.body["rpm_limit"], changed.body["tpm_limit"], changed.body["max_budget"]) == (None, 100, 0.5)
    info = await manage.post("/budget/info", budgets=["free ünï", "none such"])
    assert [item["budget_id"] for item in info.body] == ["free ünï"]
    assert "free ünï" in [item["budget_id"] for item in (await manage.get("/budget/list")).body]
    settings = await manage.get("/budget/settings", budget_id="free ünï")
    assert {"field_name": "tpm_limit", "field_value": 100}.items() <= next(
        item.items() for item in settings.body if item["field_name"] == "tpm_limit"
    )
    assert (await manage.post("/budget/delete", id="free ünï")).body["budget_id"] == "free ünï"
    assert (await manage.post("/budget/update", budget_id="free ünï")).status == 404
    assert (await manage.post("/budget/delete", id="free ünï")).status == 404


async def test_a_budget_in_use_says_who_uses_it(manage: Management) -> None:
    """Deleting it would leave them without limits."""
    await manage.post("/budget/new", budget_id="used", max_budget=1)
    await manage.post("/customer/new", user_id="uses it", budget_id="used")
    refused = await manage.post("/budget/delete", id="used")
    assert (refused.status, refused.param) == (409, "id")
    assert "customers uses it" in refused.message
    await manage.post("/customer/update", user_id="uses it", budget_id=None)
    assert (await manage.post("/budget/delete", id="used")).status == 200


async def test_concurrent_changes_of_one_budget_lose_neither(manage: Management) -> None:
    """Twenty at once, each of another field or model."""
    await manage.post("/budget/new", budget_id="busy")
    bodies: list[dict[str, Any]] = [{"max_budget": 1}, {"soft_budget": 2}, {"rpm_limit": 3}, {"tpm_limit": 4}]
    replies = await asyncio.gather(*[manage.post("/budget/update", budget_id="busy", **body) for body in bodies])
    assert [reply.status for reply in replies] == [200] * 4
    (found,) = (await manage.post("/budget/info", budgets=["busy"])).body
    assert (found["max_budget"], found["soft_budget"], found["rpm_limit"], found["tpm_limit"]) == (1, 2, 3, 4)


async def test_a_customer_has_limits_of_its_own_and_its_budgets(manage: Management) -> None:
    """Its own word wins; a budget that does not exist is an error with the field's name."""
    await manage.post("/budget/new", budget_id="tier", max_budget=5, rpm_limit=10)
    made = await manage.post("/customer/new", user_id="jane", alias="Jane", budget_id="tier", rpm_limit=20)
    table = made.body["litellm_budget_table"]
    assert (made.body["user_id"], table["budget_id"], table["max_budget"], table["rpm_limit"]) == (
        "jane",
        "tier",
        5,
        20,
    )
    assert (await manage.post("/customer/new", user_id="jane")).status == 409
    changed = await manage.post("/end_user/update", user_id="jane", rpm_limit=None, models=["fixed"])
    assert (changed.body["litellm_budget_table"]["rpm_limit"], changed.body["models"]) == (10, ["fixed"])
    info = await manage.get("/customer/info", end_user_id="jane")
    assert (info.body["alias"], info.body["spend"], info.body["blocked"]) == ("Jane", 0, False)
    assert "jane" in [item["user_id"] for item in (await manage.get("/end_user/list")).body]
    wrong = await manage.post("/customer/update", user_id="jane", budget_id="none such")
    assert (wrong.status, wrong.param) == (400, "budget_id")
    assert (await manage.post("/customer/update", user_id="nobody")).status == 404


async def test_a_customers_spend_is_what_its_requests_cost(manage: Management) -> None:
    """In its budget's period, with the moment at which that ends; a refused customer spends nothing."""
    await clear_of_midnight()
    made = await manage.post("/customer/new", user_id="buyer", max_budget=1, budget_duration="1d")
    assert made.body["spend"] == 0
    assert made.body["litellm_budget_table"]["budget_reset_at"] is not None
    messages = [{"role": "user", "content": "Hello"}]
    answer = await manage.post("/v1/chat/completions", model="fixed", messages=messages, user="buyer")
    cost = float(answer.headers["x-tollway-cost"])
    assert cost > 0
    end = time.monotonic() + LATEST
    while (info := (await manage.get("/customer/info", end_user_id="buyer")).body)["spend"] == 0:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    assert info["spend"] == pytest.approx(cost)
    assert info["litellm_budget_table"]["budget_reset_at"] is not None
    listed = next(item for item in (await manage.get("/customer/list")).body if item["user_id"] == "buyer")
    assert listed == info
    (blocked,) = (await manage.post("/customer/block", user_ids=["buyer"])).body["blocked_users"]
    assert blocked == info | {"blocked": True, "updated_at": blocked["updated_at"]}
    refused = await manage.post("/v1/chat/completions", model="fixed", messages=messages, user="buyer")
    assert refused.status in (400, 403)


async def test_customers_are_listed_in_pages(manage: Management) -> None:
    """The newest first, each once; the header of each answer names the next page, and of the last one none."""
    made = [f"paged-{number}" for number in range(5)]
    await manage.post("/customer/block", user_ids=made)
    found: list[str] = []
    query = {"page_size": "2"}
    while True:
        answer = await manage.get("/customer/list", **query)
        assert len(answer.body) <= 2
        found += [item["user_id"] for item in answer.body]
        if "x-tollway-next-page" not in answer.headers:
            break
        query["page"] = answer.headers["x-tollway-next-page"]
    assert len(found) == len(set(found))
    assert set(made) == set(found[:5])


async def test_customers_are_blocked_known_or_not_and_deleted_together(manage: Management) -> None:
    """As in LiteLLM a block makes a customer; deletion is all or nothing."""
    blocked = await manage.post("/customer/block", user_ids=["stranger", "other"])
    assert [(item["user_id"], item["blocked"]) for item in blocked.body["blocked_users"]] == [
        ("stranger", True),
        ("other", True),
    ]
    assert (await manage.post("/customer/unblock", user_ids=["stranger"])).body["unblocked_users"] == ["stranger"]
    assert (await manage.get("/customer/info", end_user_id="stranger")).body["blocked"] is False
    missing = await manage.post("/customer/delete", user_ids=["stranger", "nobody"])
    assert (missing.status, missing.param) == (404, "user_ids")
    deleted = await manage.post("/customer/delete", user_ids=["stranger", "other"])
    assert deleted.body["deleted_customers"] == 2
    assert (await manage.get("/customer/info", end_user_id="other")).status == 404


async def test_a_changed_model_serves_within_a_second_on_every_worker(manage: Management) -> None:
    """Made, renamed, blocked, unblocked and deleted; what is absent stays."""
    took: list[float] = []
    made = await manage.post(
        "/model/new", model_name="first", litellm_params={"model": "demo/demo", "rpm": 60, "weight": 2}
    )
    id = made.body["model_id"]
    took.append(await serves(manage, "first"))
    renamed = await manage.post("/model/update", model_name="second", model_info={"id": id, "mode": "chat"})
    assert (renamed.body["litellm_params"]["rpm"], renamed.body["litellm_params"]["weight"]) == (60, 2)
    took.append(await serves(manage, "second"))
    took.append(await serves(manage, "first", 404))
    patched = await manage.ask("PATCH", f"/model/{id}/update", None, {"litellm_params": {"rpm": None}})
    assert (patched.body["litellm_params"]["rpm"], patched.body["model_info"]["mode"]) == (None, "chat")
    await manage.post("/model/block", model_id=id)
    took.append(await serves(manage, "second", 404))
    await manage.post("/model/unblock", model_id=id)
    took.append(await serves(manage, "second"))
    await manage.post("/model/delete", id=id)
    took.append(await serves(manage, "second", 404))
    assert (await manage.post("/model/update", model_info={"id": id})).status == 404
    assert min(took) < WITHIN, took


async def test_the_files_models_are_changed_in_the_file(manage: Management) -> None:
    """By either route; the id in the path may hold a slash."""
    for reply in (
        await manage.post("/model/update", model_info={"id": "fixed/0"}),
        await manage.ask("PATCH", "/model/fixed%2F0/update", None, {"model_name": "x"}),
        await manage.post("/model/block", model_id="fixed/0"),
    ):
        assert reply.status == 400
        assert "configuration file" in reply.message


async def test_a_model_group_tells_what_is_known_of_it(manage: Management) -> None:
    """The dearest prices, the largest window, limits together; what nobody knows is null."""
    for params, info in (
        ({"model": "openai/gpt-4o", "rpm": 10}, {"supports_vision": True, "id": "g-1"}),
        ({"model": "anthropic/claude-haiku-4-5", "rpm": 20}, {"supports_vision": True, "id": "g-2"}),
    ):
        await manage.post("/model/new", model_name="grouped", litellm_params=params, model_info=info)
    (group,) = (await manage.get("/model_group/info", model_group="grouped")).body["data"]
    assert (group["providers"], group["rpm"], group["tpm"]) == (["anthropic", "openai"], 30, None)
    assert (group["supports_vision"], group["supports_reasoning"]) == (True, None)
    assert (group["input_cost_per_token"], group["output_cost_per_token"]) == (2.5e-06, 1e-05)
    assert group["max_input_tokens"] == 200_000
    key = (await manage.post("/key/generate", models=["fixed"])).body["key"]
    seen = (await manage.get("/model_group/info", key)).body["data"]
    assert [item["model_group"] for item in seen] == ["fixed"]
    assert (await manage.get("/model_group/info", key, model_group="grouped")).status == 404
    await manage.post("/model/new", model_name="gpt-4o", litellm_params={"model": "openai/gpt-4o", "api_key": "sk-x"})
    of_openai = (await manage.post("/key/generate", models=["openai/*"])).body["key"]
    for path, name in (("/model_group/info", "model_group"), ("/model/info", "model_name")):
        assert {item[name] for item in (await manage.get(path, of_openai)).body["data"]} == {"gpt-4o"}


async def test_a_deployment_calls_with_a_credential_of_vault(
    manage: Management, vault: VaultServer, stack: Stack
) -> None:
    """By name; what it refers to may be rotated, and its name is needed for as long as a deployment uses it."""
    made = await manage.post(
        "/credentials",
        credential_name="demo/eu",
        credential_info={"description": "ours"},
        credential_values={"api_key": "vault/demo#api_key", "api_base": f"{stack.demo_url}/v1"},
    )
    assert made.body == {"success": True, "message": "Credential created successfully"}
    params = {"model": "openai/demo", "litellm_credential_name": "demo/eu"}
    id = (await manage.post("/model/new", model_name="vaulted", litellm_params=params)).body["model_id"]
    await serves(manage, "vaulted")
    vault.secrets["demo"] = {"api_key": "sk-wrong"}
    await serves(manage, "vaulted", 401)
    vault.secrets["demo"] = {"api_key": stack.secret("demo_key")}
    await serves(manage, "vaulted")
    refused = await manage.ask("DELETE", "/credentials/demo%2Feu")
    assert (refused.status, id in refused.message) == (409, True)
    await manage.post("/model/delete", id=id)
    assert (await manage.ask("DELETE", "/credentials/demo%2Feu")).body["success"] is True
    assert (await manage.get("/credentials/by_name/demo%2Feu")).status == 404


async def test_a_credential_never_comes_back_in_clear(manage: Management, stack: Stack) -> None:
    """Not in an answer, not in the audit trail; a change of it serves at once."""
    canary = stack.secret("demo_key")
    values = {"api_key": "sk-wrong-at-first", "api_base": f"{stack.demo_url}/v1"}
    await manage.post("/credentials", credential_name="direct", credential_info={}, credential_values=values)
    params = {"model": "openai/demo", "litellm_credential_name": "direct"}
    id = (await manage.post("/model/new", model_name="direct", litellm_params=params)).body["model_id"]
    await serves(manage, "direct", 401)
    await manage.ask("PATCH", "/credentials/direct", None, {"credential_values": {"api_key": canary}})
    await serves(manage, "direct")
    shown = [
        await manage.get("/credentials"),
        await manage.get("/credentials/by_name/direct"),
        await manage.get("/credentials/direct"),
        await manage.get(f"/credentials/by_model/{id}"),
        await manage.get("/audit", table_name="credential", object_id="direct"),
        await manage.get("/model/info", litellm_model_id=id),
    ]
    assert [reply.status for reply in shown] == [200] * 6
    assert not any(canary in reply.text or "sk-wrong-at-first" in reply.text for reply in shown)
    assert shown[1].body["credential_values"] == {"api_key": "***", "api_base": f"{stack.demo_url}/v1"}
    wrong = await manage.post("/model/new", model_name="x", litellm_params={**params, "litellm_credential_name": "?"})
    assert (wrong.status, wrong.param) == (400, "litellm_params.litellm_credential_name")
    for secret in ("os.environ/HOME", "os.environ/TOLLWAY_ENCRYPTION_KEY", "file/passwd"):
        refused = await manage.post("/model/new", model_name="x", litellm_params={"model": "demo/x", "api_key": secret})
        assert (refused.status, refused.param) == (400, "litellm_params.api_key")


async def test_a_copied_credential_works_as_its_origin(manage: Management, stack: Stack) -> None:
    """`model_id` takes what a deployment has of its own."""
    params = {"model": "openai/demo", "api_key": stack.secret("demo_key"), "api_base": f"{stack.demo_url}/v1"}
    id = (await manage.post("/model/new", model_name="origin", litellm_params=params)).body["model_id"]
    copied = await manage.post("/credentials", credential_name="copy", credential_info={}, model_id=id)
    assert copied.status == 200
    await manage.post(
        "/model/new", model_name="copied", litellm_params={"model": "openai/demo", "litellm_credential_name": "copy"}
    )
    await serves(manage, "copied")


async def test_the_audit_trail_is_filtered_and_paged(manage: Management) -> None:
    """By kind, object, action, who and when; a cursor leads through all of them once."""
    for number in range(7):
        await manage.post("/budget/new", budget_id=f"trail-{number}")
    await manage.post("/budget/update", budget_id="trail-0", max_budget=1)
    await manage.post("/budget/delete", id="trail-0")
    history = (await manage.get("/audit", table_name="LiteLLM_BudgetTable", object_id="trail-0")).body["audit_logs"]
    assert [entry["action"] for entry in history] == ["deleted", "updated", "created"]
    assert (history[1]["before_value"]["max_budget"], history[1]["updated_values"]["max_budget"]) == (None, 1)
    assert (history[0]["changed_by"], history[0]["event"]) == ("master key", "budget.deleted")
    assert (await manage.get(f"/audit/{history[0]['id']}")).body == history[0]
    seen: list[str] = []
    query = {"action": "created", "table_name": "budget", "page_size": "3"}
    while True:
        page = (await manage.get("/audit", **query)).body
        seen += [entry["object_id"] for entry in page["audit_logs"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert [id for id in seen if id.startswith("trail-")] == [f"trail-{number}" for number in reversed(range(7))]
    assert len(seen) == len(set(seen))
    second = (await manage.get("/audit", action="budget.made", page_size="2", page="2")).body["audit_logs"]
    assert [entry["object_id"] for entry in second] == seen[2:4]
    assert (await manage.get("/audit", end_date="2020-01-01")).body["audit_logs"] == []
    assert (await manage.get("/audit", cursor="x")).param == "cursor"
    assert (await manage.get("/audit/none-such")).status == 404


async def test_an_operators_typing_error_names_its_field(manage: Management) -> None:
    """Also the database's query syntax, in every place for text."""
    for path, body, param in (
        ("/budget/new", {"max_budgett": 1}, "max_budgett"),
        ("/budget/new", {"budget_id": {"$gt": ""}}, "budget_id"),
        ("/budget/info", {"budgets": [{"$gt": ""}]}, "budgets[0]"),
        ("/customer/new", {"user_id": "u", "tpm_limit": -1}, "tpm_limit"),
        ("/customer/delete", {"user_ids": []}, "user_ids"),
        ("/credentials", {"credential_name": {"$ne": 1}}, "credential_name"),
        ("/model/block", {"model_id": {"$ne": 1}}, "model_id"),
    ):
        reply = await manage.post(path, None, **body)
        assert (reply.status, reply.param) == (400, param)


async def test_an_answer_names_the_models_of_a_list_that_do_not_exist(manage: Management) -> None:
    """They are kept, since they may come; groups, access groups and what LiteLLM's words say are no news."""
    deployment = {"model": "openai/demo", "api_base": "http://127.0.0.1:1/v1", "api_key": "k"}
    await manage.post(
        "/model/new", model_name="named", litellm_params=deployment, model_info={"access_groups": ["together"]}
    )
    known = ["named", "together", "demo", "openai/*", "all-team-models"]
    made = await manage.post("/team/new", team_id="typist", models=[*known, "nmaed"])
    assert (made.status, made.headers["x-tollway-unknown-models"], made.body["models"][-1]) == (200, "nmaed", "nmaed")
    for path, body in (
        ("/team/update", {"team_id": "typist", "models": known}),
        ("/team/update", {"team_id": "typist", "rpm_limit": 5}),
        ("/key/generate", {"team_id": "typist", "models": ["named"]}),
    ):
        reply = await manage.post(path, **body)
        assert (reply.status, reply.headers.get("x-tollway-unknown-models")) == (200, None), reply.text
    reply = await manage.post("/user/new", models=["gone", "named"])
    assert reply.headers["x-tollway-unknown-models"] == "gone"
