"""The life of a key over the management routes, asked the way edge and auth ask them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.pricing.usage import Usage
from shared.schemas.context import Principal
from shared.schemas.events import Attempt, Completion
from shared.schemas.limits import Limits
from shared.security.keys import key_digest, stored_hash
from shared.settings import Configuration
from shared.store.audit import Audit
from shared.store.budgets import BudgetRecord, budgets
from shared.store.keys import Keys
from shared.store.ledger import Ledger
from shared.store.people import (
    MembershipRecord,
    OrganizationRecord,
    TeamRecord,
    UserRecord,
    membership_id,
    memberships,
    organizations,
    teams,
    users,
)
from tests.support.admin_office import SECRET, admin_office
from tests.support.office import MASTER, Office
from tests.support.store_server import StoreServer

CONFIGURATION = Configuration.model_validate(
    {
        "guardrails": [{"name": "no-zeppelins", "type": "banned_words", "words": ["zeppelin"]}],
        "defaults": {"keys": {"rpm_limit": 600, "bounds": {"tpm_limit": 1_000_000, "max_budget": 1_000}}},
    }
)
NO_KEY = "sk-does-not-exist-0000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One store server for all tests here; each test empties its database."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.fixture
async def office(nats_server: Any, server: StoreServer, worker_on: Any, eventually: Any) -> AsyncIterator[Office]:
    """Run an admin over an empty database with a team of three in it."""
    async with admin_office(nats_server, server, worker_on, eventually, CONFIGURATION) as office:
        store, now = office.store, time.time()
        await organizations(store).insert(OrganizationRecord("o", now))
        limits = Limits(rpm=1_000, max_budget=50_000_000_000)
        await teams(store).insert(TeamRecord("t", now, organization_id="o", models=("a", "b"), limits=limits))
        await budgets(store).insert(BudgetRecord("small", now, limits=Limits(max_budget=1_000_000_000)))
        for user, role in (("lead", "admin"), ("worker", "user")):
            await users(store).insert(UserRecord(user, now))
            place = MembershipRecord(membership_id("team", "t", user), "team", "t", user, now, role=role)  # type: ignore[arg-type]
            await memberships(store).insert(place)
        yield office


LEAD = Principal("internal_user", user="lead")
WORKER = Principal("internal_user", user="worker")


async def made(office: Office, principal: Principal = MASTER, **body: Any) -> dict[str, Any]:
    """Make a key and return the answer."""
    reply = await office.post("key_generate", principal, **body)
    assert reply.status == 200, reply.text
    return dict(reply.body)


async def info(office: Office, key: str) -> dict[str, Any]:
    """Return what `/key/info` says of a key."""
    reply = await office.get("key_info", key=key)
    assert reply.status == 200, reply.text
    return dict(reply.body["info"])


async def regenerate(office: Office, key: str, principal: Principal = MASTER, **body: Any) -> dict[str, Any]:
    """Make a key anew by its path and return the answer."""
    path = f"/key/{key}/regenerate"
    reply = await office.ask("key_regenerate", principal, "POST", body=json.dumps(body).encode(), path=path)
    assert reply.status == 200, reply.text
    return dict(reply.body)


async def test_every_field_is_kept_and_shown(office: Office) -> None:
    """What LiteLLM's fields say comes back under the same names, in dollars."""
    said: dict[str, Any] = {
        "key_alias": "all of it", "models": ["a"], "aliases": {"gpt": "a"}, "user_id": "worker", "team_id": "t",
        "organization_id": "o", "metadata": {"a": 1}, "tags": ["x"], "max_budget": 10.5, "soft_budget": 8.0,
        "budget_duration": "30d", "budget_id": "small", "model_max_budget": {"a": {"max_budget": 1.0}},
        "tpm_limit": 100, "rpm_limit": 10, "max_parallel_requests": 3, "model_rpm_limit": {"a": 5},
        "model_tpm_limit": {"a": 50}, "permissions": {"get_spend_routes": True}, "key_type": "llm_api",
        "guardrails": ["no-zeppelins"], "enforced_params": ["user"], "blocked": True,
        "temp_budget_increase": 2.0, "temp_budget_expiry": "2030-01-01T00:00:00.000Z",
        "allowed_addresses": ["10.0.0.0/8"], "wait_for_room": 2.5,
    }  # fmt: skip
    answer = await made(office, **said)
    for shape in (answer, await info(office, answer["key"])):
        expected = said | {"model_max_budget": {"a": {"max_budget": 1.0, "budget_duration": None}}}
        assert {name: shape[name] for name in said} == expected
        assert shape["allowed_routes"] == ["llm_api_routes"]
        assert shape["budget_reset_at"] > shape["created_at"]


async def test_an_update_changes_what_it_names(office: Office) -> None:
    """Null clears, absent keeps, and each change is in the audit with what was before."""
    token = (await made(office, key_alias="k", rpm_limit=5, max_budget=3, metadata={"a": 1}))["token"]
    reply = await office.post("key_update", key=token, rpm_limit=None, tpm_limit=7, key_alias="l")
    assert reply.status == 200, reply.text
    shape = await info(office, token)
    assert (shape["rpm_limit"], shape["tpm_limit"], shape["max_budget"]) == (None, 7, 3.0)
    assert (shape["key_alias"], shape["metadata"], shape["updated_by"]) == ("l", {"a": 1}, "master key")
    entry = (await Audit(office.store).history("key", token))[0]
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.action, entry.before["rpm_limit"], entry.after["rpm_limit"]) == ("key.updated", 5, None)


@pytest.mark.parametrize("field", ["token", "spend", "created_by", "created_at", "role", "hash", "account", "shelf"])
async def test_what_the_server_knows_cannot_be_said(office: Office, field: str) -> None:
    """No body sets who made a key, what it spent or what it is."""
    token = (await made(office))["token"]
    for reply in (
        await office.post("key_generate", **{field: "5"}),
        await office.post("key_update", key=token, **{field: "5"}),
    ):
        assert (reply.status, reply.body["param"]) == (400, field)


async def test_concurrent_updates_lose_neither(office: Office) -> None:
    """Twenty changes of twenty fields at once are all there afterwards."""
    token = (await made(office))["token"]
    limits = ["rpm_limit", "tpm_limit", "max_parallel_requests", "max_budget", "soft_budget"]
    replies = await asyncio.gather(
        *(office.post("key_update", key=token, **{name: index + 1}) for index, name in enumerate(limits)),
        *(office.post("key_update", key=token, model_rpm_limit={"a": 9}) for _ in range(2)),
        office.post("key_update", key=token, tags=["x"]),
    )
    assert [reply.status for reply in replies] == [200] * len(replies)
    shape = await info(office, token)
    assert [shape[name] for name in limits] == [1, 2, 3, 4.0, 5.0]
    assert (shape["model_rpm_limit"], shape["tags"]) == ({"a": 9}, ["x"])


async def test_permissions_are_granted_kept_or_refused(office: Office) -> None:
    """What would restrict is 400; what means nothing here is named in the answer's header."""
    for permissions, ignored in (
        ({"get_spend_routes": True}, False),
        ({"get_spend_routes": True, "allow_pii_controls": True}, True),
        ({"pii": False}, True),
        ({}, False),
    ):
        reply = await office.post("key_generate", permissions=permissions)
        assert (reply.status, reply.body["permissions"]) == (200, permissions), reply.text
        assert (reply.headers.get("x-tollway-ignored-fields") == "permissions") == ignored
        changed = await office.post("key_update", key=reply.body["token"], permissions=permissions)
        assert (changed.headers.get("x-tollway-ignored-fields") == "permissions") == ignored
    for permissions, param in (
        ({"enable_llm_guard_check": True}, "permissions.enable_llm_guard_check"),
        ({"get_spend_route": True}, "permissions.get_spend_route"),
        ({"get_spend_routes": "yes"}, "permissions.get_spend_routes"),
    ):
        refused = await office.post("key_generate", permissions=permissions)
        assert (refused.status, refused.body["param"]) == (400, param), refused.text


async def test_a_route_that_does_not_exist_is_named(office: Office) -> None:
    """With the nearest right name; what a key has may stay in it."""
    for entry, meant in (("llm_api_route", "llm_api_routes"), ("/key/generat", "/key/generate")):
        for route, body in (("key_generate", {}), ("key_update", {"key": (await made(office))["token"]})):
            reply = await office.post(route, **body, allowed_routes=[entry])
            assert (reply.status, reply.body["param"]) == (400, "allowed_routes"), reply.text
            assert f"'{meant}'" in reply.body["message"]


async def test_what_does_not_exist_is_named(office: Office) -> None:
    """A team, an organization, a budget or a guardrail that is not there is 400 with the field."""
    for field, value in (("team_id", "x"), ("organization_id", "x"), ("budget_id", "x"), ("guardrails", ["x"])):
        reply = await office.post("key_generate", **{field: value})
        assert (reply.status, reply.body["param"]) == (400, field)
    missing = await office.post("key_update", key=NO_KEY)
    assert missing.status == 404


async def test_defaults_and_bounds_come_from_the_configuration(office: Office) -> None:
    """A silent body gets the defaults, then the bounds; beyond a bound is 400, for administrators too."""
    answer = await made(office)
    assert (answer["rpm_limit"], answer["tpm_limit"], answer["max_budget"]) == (600, 1_000_000, 1_000.0)
    assert (await made(office, rpm_limit=0))["rpm_limit"] == 0
    for reply in (
        await office.post("key_generate", max_budget=1_000.01),
        await office.post("key_update", key=answer["token"], max_budget=None),
    ):
        assert (reply.status, reply.body["param"]) == (400, "max_budget")


async def test_a_key_that_is_made_anew_keeps_its_account(office: Office) -> None:
    """Its spend, limits and alias stay; the old key and its ids lead to it; without grace the old key is gone."""
    first = await made(office, key_alias="k", max_budget=9, metadata={"a": 1})
    now = time.time()
    attempt = Attempt("a1", "d", "demo", "demo", now, now, "complete", 200, Usage(), cost=2_500_000_000)
    event = Completion(
        "r1", "chat_completions", "openai", "demo", "complete", 200, now, now, key=first["token"], attempts=(attempt,)
    )
    await Ledger(office.store).write([event])
    second = await regenerate(office, first["key"], metadata={"a": 2})
    assert second["key"] != first["key"]
    assert (second["key_alias"], second["max_budget"], second["metadata"]) == ("k", 9.0, {"a": 2})
    record = await Keys(office.store).find(second["token"])
    assert record is not None
    assert record.id == first["token"]
    assert await Keys(office.store).find(first["token"]) is None
    for id in (second["key"], second["token"], first["token"]):
        shape = await info(office, id)
        assert (shape["token"], shape["spend"], shape["total_spend"]) == (second["token"], 2.5, 2.5)
    third = await regenerate(office, second["token"], new_key="sk-of-my-own-choice-1")
    assert third["key"] == "sk-of-my-own-choice-1"
    listed = (await office.get("key_list")).body
    assert (listed["keys"], listed["total_count"]) == ([third["token"]], 1)
    actions = [entry.action for entry in await Audit(office.store).history("key", second["token"])]
    assert actions == ["key.superseded", "key.regenerated"]


async def test_an_old_key_works_for_its_grace_and_follows_the_new_one(office: Office) -> None:
    """It is no key of its own: it is not listed, changes with the new one, and goes with it."""
    first = await made(office, key_alias="k", duration="1h")
    second = await regenerate(office, first["token"], grace_period="10m", rpm_limit=5)
    old = await info(office, first["key"])
    assert (old["superseded_by"], old["rpm_limit"], old["key_alias"]) == (second["token"], 5, None)
    assert second["created_at"] < old["expires"] < second["expires"]
    assert (await office.get("key_list", key_alias="k")).body["keys"] == [second["token"]]
    await office.post("key_update", key=second["token"], rpm_limit=4)
    await office.post("key_block", key=second["token"])
    old = await info(office, first["key"])
    assert (old["rpm_limit"], old["blocked"], old["superseded_by"]) == (4, True, second["token"])
    third = await regenerate(office, second["token"], grace_period="1s")
    assert (await info(office, first["key"]))["superseded_by"] == third["token"]
    await office.post("key_delete", keys=[third["token"]])
    for token in (first["token"], second["token"], third["token"]):
        assert (await office.get("key_info", key=token)).status == 404
    assert (await office.get("key_list")).body["total_count"] == 0


async def test_a_grace_that_is_no_duration_is_refused(office: Office) -> None:
    """And so is a master key, and a new key that somebody has."""
    await made(office, key="sk-taken-0123456789")
    token = (await made(office, key="sk-its-own-0123456789"))["token"]
    for body, status in (
        ({"grace_period": "soon"}, 400),
        ({"new_master_key": "sk-x"}, 400),
        ({"new_key": "sk-taken-0123456789"}, 409),
        ({"new_key": "sk-its-own-0123456789"}, 409),
    ):
        reply = await office.post("key_regenerate", key=token, **body)
        assert reply.status == status, reply.text


async def test_a_service_account_belongs_to_a_team(office: Office) -> None:
    """To no user in it, whoever makes it."""
    reply = await office.post("key_service_account", LEAD, team_id="t", key_alias="crawler")
    assert reply.status == 200, reply.text
    assert (reply.body["team_id"], reply.body["user_id"], reply.body["service_account"]) == ("t", None, True)
    for body, param in (({}, "team_id"), ({"team_id": "t", "user_id": "lead"}, "user_id")):
        refused = await office.post("key_service_account", **body)
        assert (refused.status, refused.body["param"]) == (400, param)
    assert (await office.post("key_service_account", WORKER, team_id="t")).status == 403


async def test_users_make_keys_for_themselves_within_what_their_team_has(office: Office) -> None:
    """`user_id` is the caller; models and limits beyond the team's are refused; so is another's name."""
    mine = await made(office, WORKER, team_id="t", models=["a"], max_budget=5)
    assert (mine["user_id"], mine["created_by"]) == ("worker", "worker")
    for body, param in (
        ({"team_id": "t", "user_id": "lead"}, "team_id"),
        ({"user_id": "lead"}, "user_id"),
        ({"team_id": "t", "models": ["c"]}, "models"),
        ({"team_id": "t", "max_budget": 51}, "max_budget"),
        ({"team_id": "t", "rpm_limit": 1_001}, "rpm_limit"),
    ):
        reply = await office.post("key_generate", WORKER, **body)
        assert (reply.status, reply.body["param"]) == (403, param), reply.text
    raised = await office.post("key_update", WORKER, key=mine["token"], max_budget=6)
    assert (raised.status, raised.body["param"]) == (403, "max_budget")
    assert (await office.post("key_update", WORKER, key=mine["token"], max_budget=4, models=["a"])).status == 200
    assert (await office.post("key_update", LEAD, key=mine["token"], max_budget=40)).status == 200
    beyond = await office.post("key_update", LEAD, key=mine["token"], max_budget=51)
    assert (beyond.status, beyond.body["param"]) == (403, "max_budget")


async def test_a_budget_by_name_is_no_way_around(office: Office) -> None:
    """What a budget allows counts as what the key asks for."""
    large = BudgetRecord("large", time.time(), limits=Limits(max_budget=99_000_000_000))
    await budgets(office.store).insert(large)
    mine = await made(office, LEAD, team_id="t", budget_id="small", max_budget=None)
    assert mine["budget_id"] == "small"
    reply = await office.post("key_update", LEAD, key=mine["token"], max_budget=None, budget_id="large")
    assert reply.status in (400, 403), reply.text


async def test_who_manages_a_team_never_learns_a_key_that_manages(office: Office) -> None:
    """A key acts as its user: made or made anew by somebody else it is for LLM routes alone."""
    other = await made(office, LEAD, team_id="t", user_id="worker")
    assert other["allowed_routes"] == ["llm_api_routes"]
    widened = await office.post("key_update", LEAD, key=other["token"], allowed_routes=[])
    assert (widened.status, widened.body["param"]) == (403, "allowed_routes")
    own = await made(office, WORKER, team_id="t")
    stolen = await office.post("key_regenerate", LEAD, key=own["token"])
    assert (stolen.status, stolen.body["param"]) == (403, "allowed_routes")
    assert (await office.post("key_regenerate", WORKER, key=own["token"])).status == 200
    for user in ("root", "nobody-there"):
        refused = await office.post("key_generate", LEAD, team_id="t", user_id=user)
        assert (refused.status, refused.body["param"]) == (403, "team_id"), refused.text


async def test_a_key_makes_no_key_with_more_than_itself(office: Office) -> None:
    """A user that comes by a key with limits hands them on."""
    first = await made(office, WORKER, team_id="t", models=["a"], rpm_limit=7, duration="1h")
    by_key = Principal("internal_user", key=stored_hash(key_digest(first["key"]), SECRET), user="worker")
    second = await made(office, by_key, rpm_limit=None)
    assert (second["models"], second["rpm_limit"], second["expires"]) == (["a"], 7, first["expires"])
    for body, param in (
        ({"models": ["b"]}, "models"),
        ({"rpm_limit": 8}, "rpm_limit"),
        ({"duration": "2h"}, "duration"),
    ):
        reply = await office.post("key_generate", by_key, **body)
        assert (reply.status, reply.body["param"]) == (403, param), reply.text


async def test_a_key_that_is_gone_manages_nothing(office: Office) -> None:
    """It may be deleted between auth and here; what it was not allowed to hand on is then not known any more."""
    narrow = (await office.post("key_generate", user_id="worker", allowed_routes=["/key/generate"])).body["token"]
    by_key = Principal("proxy_admin", key=narrow, user="worker")
    assert (await office.post("key_generate", by_key, allowed_routes=["/user/*"])).status == 403
    await office.post("key_delete", keys=[narrow])
    assert (await office.post("key_generate", by_key, allowed_routes=["/user/*"])).status == 401


async def test_a_list_is_searched_and_sorted(office: Office) -> None:
    """By a part of the alias in any case, by the hash, and in the order that was asked for."""
    for alias in ("Beta", "alpha", "betamax"):
        await made(office, key_alias=alias, team_id="t")
    found = (await office.get("key_list", search="BETA", return_full_object="true", sort_by="key_alias")).body
    assert [item["key_alias"] for item in found["keys"]] == ["betamax", "Beta"]
    by_part = await office.get("key_list", key_alias="ALPH", substring_matching="true", team_id="t")
    assert by_part.body["total_count"] == 1
    aliases = (await office.get("key_aliases", search="a", size=2)).body
    assert (aliases["aliases"], aliases["total_count"], aliases["total_pages"]) == (["betamax", "alpha"], 3, 2)
    mine = (await office.get("key_list", LEAD, include_team_keys="true")).body
    assert mine["total_count"] == 3
    assert (await office.get("key_list", WORKER)).body["total_count"] == 0


@pytest.mark.parametrize("value", [{"$gt": ""}, ["x"], 5, True, {"__proto__": {}}])
async def test_operators_of_queries_mean_nothing(office: Office, value: Any) -> None:
    """In every field that is a name they are 400, and nothing is found or changed by them."""
    await made(office)
    for route, field in (
        ("key_update", "key"),
        ("key_block", "key"),
        ("key_regenerate", "key"),
        ("key_generate", "team_id"),
        ("key_generate", "key_alias"),
        ("key_generate", "user_id"),
        ("key_generate", "budget_id"),
        ("key_delete", "keys"),
    ):
        reply = await office.post(route, **{field: value})
        assert (reply.status, str(reply.body["param"]).partition("[")[0]) in ((400, field), (404, field)), reply.text


async def test_nobody_gets_round_the_budget_that_its_key_refers_to(office: Office) -> None:
    """Not by a limit of the key's own, not by an increase, and not by another key."""
    token = (await made(office, user_id="worker", budget_id="small"))["token"]
    for body, field in (
        ({"max_budget": 999}, "max_budget"),
        ({"temp_budget_increase": 9, "temp_budget_expiry": "1d"}, "temp_budget_increase"),
    ):
        reply = await office.post("key_update", WORKER, key=token, **body)
        assert (reply.status, reply.body["param"]) == (403, field)
    assert (await office.post("key_update", WORKER, key=token, max_budget=0.5)).status == 200
    by_key = Principal("internal_user", key=token, user="worker")
    assert (await made(office, by_key))["max_budget"] == 0.5
    second = (await made(office, user_id="worker", budget_id="small"))["token"]
    by_second = Principal("internal_user", key=second, user="worker")
    assert (await made(office, by_second))["max_budget"] == 1.0
    reply = await office.post("key_generate", by_second, max_budget=2)
    assert (reply.status, reply.body["param"]) == (403, "max_budget")


async def test_a_key_is_put_only_where_its_maker_may_put_it(office: Office) -> None:
    """An organization's administrator uses no team outside of it, and a team's bills no other organization."""
    now = time.time()
    await teams(office.store).insert(TeamRecord("free", now))
    await users(office.store).insert(UserRecord("boss", now))
    for kind, group, user in (("organization", "o", "boss"), ("team", "free", "lead")):
        place = MembershipRecord(membership_id(kind, group, user), kind, group, user, now, role="admin")  # type: ignore[arg-type]
        await memberships(office.store).insert(place)
    boss = Principal("internal_user", user="boss")
    for caller in (boss, LEAD):
        reply = await office.post("key_generate", caller, team_id="free", organization_id="o")
        assert (reply.status, reply.body["param"]) == (403, "team_id")
    token = (await made(office, LEAD, team_id="free", allowed_routes=["llm_api_routes"], user_id=None))["token"]
    reply = await office.post("key_update", LEAD, key=token, organization_id="o")
    assert (reply.status, reply.body["param"]) == (403, "team_id")
