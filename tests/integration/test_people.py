"""Users, teams and organizations over the management routes, on a real nats-server and a real store."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.pricing.usage import Usage
from shared.routes import ROUTES
from shared.schemas.context import Principal
from shared.schemas.events import Attempt, Completion
from shared.schemas.limits import Limits
from shared.security.keys import key_digest, stored_hash
from shared.settings import Configuration
from shared.store.audit import Audit
from shared.store.budgets import BudgetRecord, budgets
from shared.store.keys import KeyRecord, Keys
from shared.store.ledger import Ledger
from shared.store.people import (
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
from tests.support.clock import clear_of_midnight
from tests.support.office import MASTER, Office
from tests.support.store_server import StoreServer

PLAIN = Configuration.model_validate({"guardrails": [{"name": "g", "type": "banned_words", "words": ["zeppelin"]}]})
CONFIGURATION = Configuration.model_validate(
    {
        "defaults": {
            "users": {"user_role": "internal_user_viewer", "max_budget": 5, "budget_duration": "30d"},
            "teams": {"max_budget": 50, "tpm_limit": 1000},
            "keys": {"bounds": {"rpm_limit": 9, "duration": "90d"}},
        }
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One store server for all tests here; each test empties its database."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.fixture
async def office(nats_server: Any, server: StoreServer, worker_on: Any, eventually: Any) -> AsyncIterator[Office]:
    """Ask an admin that has no defaults."""
    async with admin_office(nats_server, server, worker_on, eventually, PLAIN) as office:
        yield office


@pytest.fixture
async def office_with_defaults(
    nats_server: Any, server: StoreServer, worker_on: Any, eventually: Any
) -> AsyncIterator[Office]:
    """Ask an admin that has them."""
    async with admin_office(nats_server, server, worker_on, eventually, CONFIGURATION) as office:
        yield office


@pytest.fixture
async def office_of_its_own(nats_server: Any, worker_on: Any, eventually: Any, tmp_path: Path) -> AsyncIterator[Office]:
    """Ask an admin whose store is nobody else's: to empty one of much takes the embedded store long."""
    with StoreServer(tmp_path) as server:
        async with admin_office(nats_server, server, worker_on, eventually, PLAIN) as office:
            yield office


def user(id: str) -> Principal:
    """Return an internal user as auth sends it for a token of an identity provider."""
    return Principal("internal_user", user=id)


async def made(office: Office, route: str, **body: Any) -> Any:
    """Ask a route that must answer 200, and return its body."""
    reply = await office.post(route, **body)
    assert reply.status == 200, reply.text
    return reply.body


async def test_a_user_is_made_with_a_key_and_joins_teams(office: Office) -> None:
    """The answer is LiteLLM's NewUserResponse; the key is the user's, and the memberships have roles and budgets."""
    await made(office, "team_new", team_id="t1")
    await made(office, "team_new", team_id="t2")
    await made(office, "organization_new", organization_id="o1", organization_alias="acme")
    answer = await made(
        office, "user_new", user_id="ada/ü 1", user_email="ada@example.com", user_role="internal_user", max_budget=10,
        budget_duration="30d", models=["demo"], key_alias="ada's", duration="1h", organizations=["o1"],
        teams=["t1", {"team_id": "t2", "user_role": "admin", "max_budget_in_team": 2.5}], metadata={"a.$b": 1},
    )  # fmt: skip
    assert answer["key"].startswith("sk-")
    assert (answer["user_id"], answer["max_budget"], answer["teams"]) == ("ada/ü 1", 10.0, ["t1", "t2"])
    assert answer["expires"] > answer["created_at"]
    assert answer["budget_reset_at"] > answer["created_at"]
    key = await Keys(office.store).find(stored_hash(key_digest(answer["key"]), SECRET))
    assert key is not None
    assert (key.user_id, key.key_alias, key.hash) == ("ada/ü 1", "ada's", answer["token"])
    member = await memberships(office.store).find(membership_id("team", "t2", "ada/ü 1"))
    assert member is not None
    assert (member.role, member.limits.max_budget) == ("admin", 2_500_000_000)
    info = (await office.get("user_info", user_id="ada/ü 1")).body
    assert [item["token"] for item in info["keys"]] == [answer["token"]]
    assert [team["team_id"] for team in info["teams"]] == ["t1", "t2"]
    assert info["user_info"]["metadata"] == {"a.$b": 1}
    assert info["user_info"]["organization_memberships"][0]["organization_id"] == "o1"
    assert answer["key"] not in (await office.get("user_info", user_id="ada/ü 1")).text
    brief = (await office.get("user_info_v2", user_id="ada/ü 1")).body
    assert (brief["teams"], brief["user_role"], brief["spend"]) == (["t1", "t2"], "internal_user", 0.0)


async def test_a_user_without_a_key(office: Office) -> None:
    """`auto_create_key: false` makes none, and the answer's key is empty."""
    answer = await made(office, "user_new", auto_create_key=False)
    assert answer["key"] == ""
    assert answer["user_id"]
    assert await Keys(office.store).count() == 0


IMPOSSIBLE_USERS: list[tuple[dict[str, Any], int, str]] = [
    ({"user_role": "boss"}, 400, "user_role"),
    ({"teams": ["nowhere"]}, 400, "teams"),
    ({"teams": [{"team_id": "nowhere"}]}, 400, "teams"),
    ({"teams": [5]}, 400, "teams[0]"),
    ({"organizations": ["nowhere"]}, 400, "organizations"),
    ({"budget_id": "nowhere"}, 400, "budget_id"),
    ({"max_budget": -1}, 400, "max_budget"),
    ({"budget_duration": "1y"}, 400, "budget_duration"),
    ({"user_email": {"$gt": ""}}, 400, "user_email"),
    ({"user_id": "a\x1fb"}, 400, "user_id"),
    ({"user_emial": "a@b"}, 400, "user_emial"),
    ({"created_by": "me"}, 400, "created_by"),
    ({"spend": 5}, 400, "spend"),
    ({"guardrails": ["x"]}, 400, "guardrails"),
    ({"metadata": {"guardrails": ["x"]}}, 400, "metadata.guardrails"),
    ({"user_id": "taken"}, 409, "user_id"),
    ({"user_email": "taken@example.com"}, 409, "user_email"),
    ({"sso_user_id": "taken"}, 409, "sso_user_id"),
]


async def test_a_user_that_cannot_be_made(office: Office) -> None:
    """The answer names the field, and neither a user nor a key is left behind."""
    await made(
        office, "user_new", user_id="taken", user_email="taken@example.com", sso_user_id="taken", auto_create_key=False
    )
    for body, status, param in IMPOSSIBLE_USERS:
        reply = await office.post("user_new", **body)
        assert (body, reply.status, reply.body["param"]) == (body, status, param)
    assert await users(office.store).count({}) == 1
    assert await Keys(office.store).count() == 0


async def test_null_clears_and_absent_keeps(office: Office) -> None:
    """Of a user, a team and an organization alike; the audit has what was before and after."""
    await made(office, "user_new", user_id="u", max_budget=5, rpm_limit=7, models=["a"], auto_create_key=False)
    after = await made(office, "user_update", user_id="u", max_budget=None, user_alias="Ada")
    assert (after["data"]["max_budget"], after["data"]["rpm_limit"], after["data"]["models"]) == (None, 7, ["a"])
    await made(office, "team_new", team_id="t", max_budget=5, rpm_limit=7, tags=["x"], team_member_budget=1)
    after = await made(office, "team_update", team_id="t", max_budget=None, team_alias="T")
    data = after["data"]
    assert (data["max_budget"], data["rpm_limit"], data["tags"], data["team_member_budget"]) == (None, 7, ["x"], 1.0)
    await made(office, "organization_new", organization_id="o", organization_alias="O", max_budget=5, rpm_limit=7)
    after = await made(office, "organization_update", organization_id="o", max_budget=None)
    assert after["litellm_budget_table"]["max_budget"] is None
    assert (after["litellm_budget_table"]["rpm_limit"], after["organization_alias"]) == (7, "O")
    entry = (await Audit(office.store).history("team", "t"))[0]
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.action, entry.before["max_budget"], entry.after["max_budget"]) == ("team.updated", 5.0, None)


async def test_a_user_is_found_by_its_address(office: Office) -> None:
    """`/user/update` takes the address instead of the id, and with the id it changes the address."""
    await made(office, "user_new", user_id="u", user_email="old@example.com", auto_create_key=False)
    await made(office, "user_update", user_email="old@example.com", user_alias="Ada")
    await made(office, "user_update", user_id="u", user_email="new@example.com")
    info = (await office.get("user_info", user_id="u")).body["user_info"]
    assert (info["user_alias"], info["user_email"]) == ("Ada", "new@example.com")
    assert (await office.post("user_update", user_email="old@example.com", user_alias="B")).status == 404


async def test_a_deleted_user_takes_keys_and_memberships_along(office: Office) -> None:
    """The answer says so; of two users of whom one is missing none is deleted."""
    await made(office, "team_new", team_id="t")
    key = (await made(office, "user_new", user_id="u", teams=["t"]))["token"]
    assert (await office.post("user_delete", user_ids=["u", "nobody"])).status == 404
    answer = await made(office, "user_delete", user_ids=["u"])
    assert answer["deleted_users"] == ["u"]
    assert answer["deleted_keys"] == [key]
    assert answer["deleted_memberships"] == [{"team_id": "t", "user_id": "u"}]
    assert await users(office.store).find("u") is None
    assert await Keys(office.store).count() == 0
    assert (await office.get("team_info", team_id="t")).body["team_info"]["members"] == []
    assert (await Audit(office.store).history("key", key))[0].action == "key.deleted"


async def test_users_are_listed_in_pages(office: Office) -> None:
    """By role, address, search, team and organization; the newest first or by a field."""
    await made(office, "team_new", team_id="t")
    for number in range(5):
        await made(
            office, "user_new", user_id=f"u{number}", user_email=f"U{number}@Example.com", auto_create_key=False,
            user_role="internal_user" if number else "proxy_admin_viewer", teams=["t"] if number < 2 else [],
        )  # fmt: skip

    async def listed(**query: Any) -> list[str]:
        reply = await office.get("user_list", **query)
        assert reply.status == 200, reply.text
        return [item["user_id"] for item in reply.body["users"]]

    page = (await office.get("user_list", page=2, page_size=2)).body
    assert (page["total"], page["total_pages"], page["page"], page["page_size"]) == (5, 3, 2, 2)
    assert [item["user_id"] for item in page["users"]] == ["u2", "u1"]
    assert await listed(role="proxy_admin_viewer") == ["u0"]
    assert await listed(user_email="u3@example") == ["u3"]
    assert await listed(search="U4") == ["u4"]
    assert await listed(search=".*") == []
    assert await listed(user_ids="u1,u2", sort_by="user_id") == ["u1", "u2"]
    assert await listed(team="t", sort_by="user_email", sort_order="desc") == ["u1", "u0"]
    assert await listed(team="t", role="internal_user") == ["u1"]
    assert await listed(team="nowhere") == []
    assert (await office.get("user_list", sort_by="password")).status == 400
    assert (await office.get("user_list", page_size=101)).status == 400


async def test_a_team_with_members(office: Office) -> None:
    """Members come by id or address; unknown ones are made users; the team shows them with their roles."""
    await made(office, "user_new", user_id="known", user_email="known@example.com", auto_create_key=False)
    await made(
        office, "team_new", team_id="t", team_alias="T", models=["demo"], model_aliases={"fast": "demo"},
        members_with_roles=[{"role": "admin", "user_email": "known@example.com"}, {"role": "user", "user_id": "new"}],
    )  # fmt: skip
    info = (await office.get("team_info", team_id="t")).body
    assert info["team_info"]["members_with_roles"] == [
        {"user_id": "known", "user_email": "known@example.com", "role": "admin"},
        {"user_id": "new", "user_email": None, "role": "user"},
    ]
    assert info["team_info"]["litellm_model_table"]["model_aliases"] == {"fast": "demo"}
    answer = await made(
        office, "team_member_add", team_id="t", max_budget_in_team=1.5, allowed_models=["demo"],
        member=[{"role": "user", "user_email": "fresh@example.com"}],
    )  # fmt: skip
    fresh = answer["updated_users"][0]["user_id"]
    assert answer["updated_team_memberships"][0]["litellm_budget_table"]["max_budget"] == 1.5
    assert answer["updated_team_memberships"][0]["litellm_budget_table"]["allowed_models"] == ["demo"]
    twice = await office.post("team_member_add", team_id="t", member={"role": "user", "user_id": fresh})
    assert (twice.status, twice.body["param"]) == (409, "member")
    changed = await made(
        office, "team_member_update", team_id="t", user_email="fresh@example.com", role="admin",
        max_budget_in_team=None, rpm_limit=3,
    )  # fmt: skip
    assert (changed["user_id"], changed["role"], changed["max_budget_in_team"]) == (fresh, "admin", None)
    assert (changed["rpm_limit"], changed["allowed_models"]) == (3, ["demo"])
    key = (await made(office, "key_generate", user_id=fresh, team_id="t"))["token"]
    other = (await made(office, "key_generate", user_id=fresh))["token"]
    gone = await made(office, "team_member_delete", team_id="t", user_id=fresh)
    assert gone["deleted_keys"] == [key]
    assert fresh not in gone["members"]
    assert await Keys(office.store).find(other) is not None
    missing = await office.post("team_member_delete", team_id="t", user_id=fresh)
    assert (missing.status, missing.body["param"]) == (404, "user_id")


async def test_what_a_member_sees_of_itself(office: Office) -> None:
    """`/team/{team_id}/members/me` tells a member its own part, and others that they are none."""
    await made(office, "team_new", team_id="a/b", team_alias="T", members_with_roles=[{"role": "user", "user_id": "u"}])
    mine = await office.ask("team_member_me", user("u"), "GET", path="/team/a/b/members/me")
    assert mine.status == 200, mine.text
    assert (mine.body["team_id"], mine.body["role"], mine.body["team_alias"]) == ("a/b", "user", "T")
    assert (await office.ask("team_member_me", user("x"), "GET", path="/team/a/b/members/me")).status == 404


IMPOSSIBLE: list[tuple[str, dict[str, Any], int, str]] = [
    ("team_new", {"organization_id": "nowhere"}, 400, "organization_id"),
    ("team_new", {"budget_id": "nowhere"}, 400, "budget_id"),
    ("team_new", {"tpm_limit": "many"}, 400, "tpm_limit"),
    ("team_new", {"team_id": "t"}, 409, "team_id"),
    ("team_new", {"guardrails": ["nowhere"]}, 400, "guardrails"),
    ("team_new", {"allowed_addresses": ["10.0.0.0/99"]}, 400, "allowed_addresses[0]"),
    ("team_new", {"model_aliases": {"a": 5}}, 400, "model_aliases.a"),
    ("team_new", {"tpd_limit": 5}, 400, "tpd_limit"),
    ("team_new", {"members_with_roles": [{"user_id": "u", "role": "boss"}]}, 400, "members_with_roles[0].role"),
    ("team_new", {"members_with_roles": [{"role": "user"}]}, 400, "members_with_roles[0].user_id"),
    ("team_update", {"team_id": "nowhere"}, 404, "team_id"),
    ("team_update", {"team_alias": "x"}, 400, "team_id"),
    ("team_update", {"team_id": "t", "modles": []}, 400, "modles"),
    ("team_block", {"team_id": {"$ne": ""}}, 400, "team_id"),
    ("team_delete", {"team_ids": ["t", "nowhere"]}, 404, "team_ids"),
    ("team_member_add", {"team_id": "t", "member": {"user_id": "u", "rol": "user"}}, 400, "member.rol"),
    ("team_member_add", {"team_id": "nowhere", "member": {"user_id": "u", "role": "user"}}, 404, "team_id"),
    ("team_member_update", {"team_id": "t", "user_id": "u"}, 404, "user_id"),
    ("team_model_delete", {"team_id": "t", "models": []}, 400, "models"),
    ("organization_new", {}, 400, "organization_alias"),
    ("organization_update", {"organization_id": "nowhere"}, 404, "organization_id"),
    ("organization_member_add", {"organization_id": "nowhere", "member": {"user_id": "u"}}, 404, "organization_id"),
]


async def test_what_cannot_be_done_names_the_field(office: Office) -> None:
    """Typing errors and objects that do not exist, and nothing is changed."""
    await made(office, "team_new", team_id="t")
    for route, body, status, param in IMPOSSIBLE:
        reply = await office.post(route, **body)
        assert (route, body, reply.status, reply.body["param"]) == (route, body, status, param)
    assert await teams(office.store).count({}) == 1
    assert await users(office.store).count({}) == 0


async def test_models_of_a_team_come_and_go(office: Office) -> None:
    """A team without a list keeps all models when one is added; the last one of a list cannot be taken."""
    await made(office, "team_new", team_id="t")
    assert (await made(office, "team_model_add", team_id="t", models=["a"]))["models"] == ["all-proxy-models", "a"]
    left = await made(office, "team_model_delete", team_id="t", models=["all-proxy-models"])
    assert left["models"] == ["a"]
    assert (await office.post("team_model_delete", team_id="t", models=["a"])).status == 400


async def test_a_deleted_team_takes_its_keys_and_members_along(office: Office) -> None:
    """The users stay."""
    await made(office, "team_new", team_id="t", members_with_roles=[{"role": "user", "user_id": "u"}])
    key = (await made(office, "key_generate", team_id="t"))["token"]
    answer = await made(office, "team_delete", team_ids=["t"])
    assert (answer["deleted_teams"], answer["deleted_keys"]) == (["t"], [key])
    assert await teams(office.store).count({}) == 0
    assert await memberships(office.store).count({}) == 0
    assert await users(office.store).count({}) == 1


async def test_hundreds_of_keys_go_with_their_team(office_of_its_own: Office) -> None:
    """In one transaction, each with an entry in the audit, and no number of a change is left out."""
    office = office_of_its_own
    await made(office, "team_new", team_id="t")
    keys = Keys(office.store)
    records = [KeyRecord(f"{number:064x}", "sk-...", float(number), team_id="t") for number in range(300)]
    await keys.insert_many(records)
    answer = await made(office, "team_delete", team_ids=["t"])
    assert len(answer["deleted_keys"]) == 300
    assert await keys.count() == 0
    assert (await Audit(office.store).history("key", records[7].hash))[0].action == "key.deleted"


async def test_an_organization_holds_its_teams(office: Office) -> None:
    """A team has no model and no limit that its organization has not; its shape has members and teams."""
    await made(office, "organization_new", organization_id="o", organization_alias="O", models=["a", "b"], max_budget=9)
    await made(office, "team_new", team_id="t", organization_id="o", models=["a"], max_budget=9)
    for change, param in (({"models": ["c"]}, "models"), ({"max_budget": 10}, "max_budget")):
        reply = await office.post("team_update", team_id="t", **change)
        assert (reply.status, reply.body["param"]) == (403, param)
    await made(office, "organization_member_add", organization_id="o", member={"role": "org_admin", "user_id": "boss"})
    info = (await office.get("organization_info", organization_id="o")).body
    assert [(item["user_id"], item["user_role"]) for item in info["members"]] == [("boss", "org_admin")]
    assert [team["team_id"] for team in info["teams"]] == ["t"]
    changed = await made(
        office, "organization_member_update", organization_id="o", user_id="boss", role="internal_user"
    )
    assert changed["user_role"] == "internal_user"
    refused = await office.post(
        "organization_member_update", organization_id="o", user_id="boss", max_budget_in_organization=5
    )
    assert refused.status == 400
    await made(office, "organization_member_delete", organization_id="o", user_id="boss")
    assert [item["organization_id"] for item in (await office.get("organization_list", org_alias="o")).body] == ["o"]
    key = (await made(office, "key_generate", team_id="t"))["token"]
    gone = await made(office, "organization_delete", organization_ids=["o"])
    assert (gone[0]["deleted_teams"], gone[0]["deleted_keys"]) == (["t"], [key])
    assert await organizations(office.store).count({}) == 0
    assert await teams(office.store).count({}) == 0


async def test_a_budget_by_name_bounds_too(office: Office) -> None:
    """What the organization or the team has by `budget_id` counts as its own."""
    for id, rpm in (("small", 5), ("large", 6)):
        await budgets(office.store).insert(BudgetRecord(id, time.time(), limits=Limits(rpm=rpm)))
    await made(office, "organization_new", organization_id="o", organization_alias="O", budget_id="small")
    assert (await office.post("team_new", organization_id="o", rpm_limit=6)).status == 403
    assert (await office.post("team_new", organization_id="o", budget_id="large")).status == 403
    assert (await office.post("team_new", organization_id="o", budget_id="small")).status == 200


async def test_an_organizations_administrator_stays_within_it(office: Office) -> None:
    """Users and teams it makes are its organization's, and never administrators of the gateway."""
    await made(office, "organization_new", organization_id="o", organization_alias="O")
    await made(office, "organization_new", organization_id="p", organization_alias="P")
    await made(office, "organization_member_add", organization_id="o", member={"role": "org_admin", "user_id": "boss"})
    boss = user("boss")
    new = await office.post("team_new", boss, organization_id="o")
    assert new.status == 200
    team = new.body["team_id"]
    assert (await office.post("team_new", boss, organization_id="p")).status == 403
    assert (await office.post("team_new", boss)).status == 403
    assert (await office.post("team_update", boss, team_id=team, organization_id="p")).status == 403
    assert (await office.post("team_update", boss, team_id=team, max_budget=100)).status == 200
    assert (await office.post("user_new", boss, organizations=["o"])).status == 200
    assert (await office.post("user_new", boss, organizations=["o"], user_role="proxy_admin")).status == 403
    assert (await office.post("user_new", boss, organizations=["o"], max_budget=5)).status == 403
    listed = (await office.get("user_list", boss)).body
    assert {"boss"} < {item["user_id"] for item in listed["users"]}
    assert [item["team_id"] for item in (await office.get("team_list", boss)).body] == [team]
    assert [item["organization_id"] for item in (await office.get("organization_list", boss)).body] == ["o"]


async def test_ids_are_chosen_by_proxy_administrators_alone(office: Office) -> None:
    """An organization's administrator cannot make the user or team beforehand that an identity provider will name."""
    await made(office, "organization_new", organization_id="o", organization_alias="O")
    await made(office, "organization_member_add", organization_id="o", member={"role": "org_admin", "user_id": "boss"})
    boss = user("boss")
    for route, body, param in (
        ("user_new", {"organizations": ["o"], "user_id": "alice@idp"}, "user_id"),
        ("user_new", {"organizations": ["o"], "sso_user_id": "alice@idp"}, "sso_user_id"),
        ("team_new", {"organization_id": "o", "team_id": "platform"}, "team_id"),
    ):
        reply = await office.post(route, boss, **body)
        assert (reply.status, reply.body["param"]) == (403, param), reply.text
        assert (await office.post(route, **body)).status == 200
        assert (await office.post(route, boss, **{**body, param: None})).status in (200, 403)
    assert (await office.post("team_new", boss, organization_id="o", team_id=None)).status == 200


async def test_a_key_for_some_routes_makes_no_administrator(office: Office) -> None:
    """Neither of the gateway nor of a group, unless it may call all that such an administrator may."""
    await made(office, "organization_new", organization_id="o", organization_alias="O")
    await made(office, "team_new", team_id="t")
    await made(office, "user_new", user_id="root", user_role="proxy_admin", auto_create_key=False)
    await made(office, "user_new", user_id="plain", auto_create_key=False)
    await made(office, "team_member_add", team_id="t", member={"role": "user", "user_id": "plain"})
    await made(
        office, "organization_member_add", organization_id="o", member={"role": "internal_user", "user_id": "plain"}
    )
    lead = {"role": "admin", "user_id": "root"}
    asks: list[tuple[str, str, dict[str, Any]]] = [
        ("user_new", "user_role", {"user_role": "proxy_admin"}),
        ("user_new", "user_role", {"user_role": "proxy_admin_viewer"}),
        ("user_new", "teams", {"teams": [{"team_id": "t", "user_role": "admin"}]}),
        ("user_update", "user_role", {"user_id": "plain", "user_role": "proxy_admin"}),
        ("user_update", "sso_user_id", {"user_id": "root", "sso_user_id": "me@idp"}),
        ("team_new", "role", {"members_with_roles": [lead]}),
        ("team_member_add", "role", {"team_id": "t", "member": lead}),
        ("team_member_update", "role", {"team_id": "t", "user_id": "plain", "role": "admin"}),
        ("organization_member_add", "role", {"organization_id": "o", "member": {**lead, "role": "org_admin"}}),
        ("organization_member_update", "role", {"organization_id": "o", "user_id": "plain", "role": "org_admin"}),
    ]
    for route, param, body in asks:
        some = await made(office, "key_generate", user_id="root", allowed_routes=[ROUTES[route].paths[0], "/key/*"])
        narrow = Principal("proxy_admin", key=some["token"], user="root")
        reply = await office.post(route, narrow, **body)
        assert (reply.status, reply.body["param"]) == (403, param), (route, reply.text)
    for role in ("internal_user", "internal_user_viewer"):
        some = await made(office, "key_generate", user_id="root", allowed_routes=["/user/new"])
        reply = await office.post("user_new", Principal("proxy_admin", key=some["token"], user="root"), user_role=role)
        assert (reply.status, reply.body["allowed_routes"]) == (200, ["llm_api_routes"]), reply.text
    for routes in ([], ["*"]):
        whole = await made(office, "key_generate", user_id="root", allowed_routes=routes)
        reply = await office.post(
            "user_new", Principal("proxy_admin", key=whole["token"], user="root"), user_role="proxy_admin"
        )
        assert (reply.status, reply.body["allowed_routes"]) == (200, routes), reply.text


async def test_a_teams_administrator_gives_it_nothing_more(office: Office) -> None:
    """It lowers limits, changes names and members, and grants within what the team has."""
    await made(
        office, "team_new", team_id="t", models=["a", "b"], max_budget=10, budget_duration="30d", rpm_limit=5,
        guardrails=["g"], members_with_roles=[{"role": "admin", "user_id": "lead"}],
    )  # fmt: skip
    lead = user("lead")
    for change, param in (
        ({"max_budget": 11}, "max_budget"),
        ({"max_budget": None}, "max_budget"),
        ({"budget_duration": "1d"}, "budget_duration"),
        ({"rpm_limit": 6}, "rpm_limit"),
        ({"models": ["a", "c"]}, "models"),
        ({"models": []}, "models"),
        ({"blocked": False}, "blocked"),
        ({"guardrails": []}, "guardrails"),
        ({"organization_id": "o"}, "organization_id"),
        ({"temp_budget_increase": 5, "temp_budget_expiry": "1d"}, "temp_budget_expiry"),
        ({"team_member_budget": 11}, "max_budget"),
    ):
        reply = await office.post("team_update", lead, team_id="t", **change)
        assert (reply.status, reply.body["param"]) == (403, param)
    lowered = await office.post("team_update", lead, team_id="t", max_budget=9, models=["a"], team_alias="T")
    assert lowered.status == 200, lowered.text
    assert (await office.post("team_model_add", lead, team_id="t", models=["c"])).status == 403
    assert (await office.post("team_unblock", lead, team_id="t")).status == 403
    assert (await office.post("team_delete", lead, team_ids=["t"])).status == 403
    added = await office.post(
        "team_member_add", lead, team_id="t", member={"role": "user", "user_email": "x@example.com"}
    )
    assert added.status == 200, added.text
    chosen = await office.post("team_member_add", lead, team_id="t", member={"role": "user", "user_id": "future"})
    assert (chosen.status, chosen.body["param"]) == (403, "user_id")
    over = await office.post("team_member_update", lead, team_id="t", user_id="lead", max_budget_in_team=20)
    assert (over.status, over.body["param"]) == (403, "max_budget")


async def test_a_teams_administrator_does_not_get_round_the_teams_budget(office: Office) -> None:
    """A limit of the team's own would take the place of that of the budget that it refers to."""
    await made(office, "budget_new", budget_id="b", max_budget=10, rpm_limit=5)
    members = [{"role": "admin", "user_id": "lead"}]
    await made(office, "team_new", team_id="t", budget_id="b", members_with_roles=members)
    for change, param in (({"max_budget": 11}, "max_budget"), ({"rpm_limit": 6}, "rpm_limit")):
        reply = await office.post("team_update", user("lead"), team_id="t", **change)
        assert (reply.status, reply.body["param"]) == (403, param)
    assert (await office.post("team_update", user("lead"), team_id="t", max_budget=9)).status == 200


async def test_a_plain_member_sees_its_own_part_of_a_team(office: Office) -> None:
    """Neither other members' keys nor their budgets; and it changes nothing."""
    await made(
        office, "team_new", team_id="t",
        members_with_roles=[{"role": "admin", "user_id": "lead"}, {"role": "user", "user_id": "u"}],
    )  # fmt: skip
    mine = (await made(office, "key_generate", team_id="t", user_id="u"))["token"]
    await made(office, "key_generate", team_id="t", user_id="lead")
    info = (await office.get("team_info", user("u"), team_id="t")).body
    assert [key["token"] for key in info["keys"]] == [mine]
    assert [item["user_id"] for item in info["team_memberships"]] == ["u"]
    assert (await office.post("team_update", user("u"), team_id="t", team_alias="mine")).status == 403
    assert len((await office.get("team_info", user("lead"), team_id="t")).body["keys"]) == 2


async def test_users_change_nothing_of_themselves_that_counts(office: Office) -> None:
    """Their name and metadata, but neither role nor limits; and nobody else's."""
    await made(office, "user_new", user_id="u", auto_create_key=False)
    assert (await office.post("user_update", user("u"), user_id="u", user_alias="me")).status == 200
    for field, value in (("user_role", "proxy_admin"), ("max_budget", None), ("user_email", "a@b"), ("models", [])):
        reply = await office.post("user_update", user("u"), user_id="u", **{field: value})
        assert (reply.status, reply.body["param"]) == (403, field)
    for id in ("u", "nobody"):
        assert (await office.post("user_update", user("v"), user_id=id, user_alias="x")).status == 403


async def test_concurrent_changes_lose_nothing(office: Office) -> None:
    """Ten changes of one team at once, each to another field or member, are all there at the end."""
    await made(office, "team_new", team_id="t")
    changes = [
        {"team_alias": "T"}, {"max_budget": 5}, {"rpm_limit": 6}, {"tpm_limit": 7}, {"tags": ["x"]}, {"models": ["a"]},
    ]  # fmt: skip
    replies = await asyncio.gather(
        *(office.post("team_update", team_id="t", **change) for change in changes),
        *(office.post("team_member_add", team_id="t", member={"role": "user", "user_id": f"u{n}"}) for n in range(4)),
    )
    assert [reply.status for reply in replies] == [200] * 10
    info = (await office.get("team_info", team_id="t")).body["team_info"]
    assert (info["team_alias"], info["max_budget"], info["rpm_limit"], info["tpm_limit"]) == ("T", 5.0, 6, 7)
    assert (info["tags"], info["models"], len(info["members"])) == (["x"], ["a"], 4)


async def test_teams_are_listed(office: Office) -> None:
    """All of them, a user's, an organization's; and in pages by name."""
    await made(office, "organization_new", organization_id="o", organization_alias="O")
    for name in ("b", "c", "a"):
        await made(
            office, "team_new", team_id=name, team_alias=f"Team {name}", organization_id="o" if name == "a" else None
        )
    await made(office, "team_member_add", team_id="b", member={"role": "user", "user_id": "u"})

    async def listed(route: str, principal: Principal = MASTER, **query: Any) -> list[str]:
        reply = await office.get(route, principal, **query)
        assert reply.status == 200, reply.text
        shapes = reply.body if isinstance(reply.body, list) else reply.body["teams"]
        return [shape["team_id"] for shape in shapes]

    assert await listed("team_list") == ["a", "b", "c"]
    assert await listed("team_list", organization_id="o") == ["a"]
    assert await listed("team_list", organization_id="default_organization") == ["b", "c"]
    assert await listed("team_list", user_id="u") == ["b"]
    assert await listed("team_list", user("u")) == ["b"]
    assert await listed("team_list", user("nobody")) == []
    assert await listed("team_list_v2", sort_by="team_alias", page_size=2) == ["a", "b"]
    assert await listed("team_list_v2", team_alias="TEAM C") == ["c"]
    assert await listed("team_list_v2", search="c", search_team_id_match="prefix") == ["c"]
    assert await listed("team_list_v2", user("u"), page_size=2) == ["b"]
    page = (await office.get("team_list_v2", page=2, page_size=2)).body
    assert (page["total"], page["total_pages"]) == (3, 2)
    assert (await office.get("team_list", user("u"), user_id="other")).body == []


async def test_spend_is_what_the_ledger_says(office: Office) -> None:
    """Of a user, a team, a member and an organization, in dollars."""
    await made(office, "organization_new", organization_id="o", organization_alias="O")
    await made(office, "team_new", team_id="t", organization_id="o", max_budget=1, budget_duration="30d")
    await made(office, "user_new", user_id="u", teams=["t"], auto_create_key=False)
    now = time.time()
    await Ledger(office.store).write([finished("r", now, 3_000_000)])
    assert (await office.get("user_info", user_id="u")).body["user_info"]["spend"] == 0.003
    team = (await office.get("team_info", team_id="t")).body
    assert (team["team_info"]["spend"], team["team_memberships"][0]["spend"]) == (0.003, 0.003)
    assert (await office.get("organization_info", organization_id="o")).body["total_spend"] == 0.003


async def test_defaults_are_given_to_the_silent(office_with_defaults: Office) -> None:
    """Users and teams get what the configuration says where their maker says nothing, members' users too."""
    office = office_with_defaults
    silent = await made(office, "user_new", user_id="a", auto_create_key=False)
    assert (silent["user_role"], silent["max_budget"], silent["budget_duration"]) == (
        "internal_user_viewer",
        5.0,
        "30d",
    )
    loud = await made(office, "user_new", user_id="b", auto_create_key=False, max_budget=7, user_role="internal_user")
    assert (loud["user_role"], loud["max_budget"], loud["budget_duration"]) == ("internal_user", 7.0, None)
    key = await Keys(office.store).find((await made(office, "user_new", user_id="k", aliases={"a": "b"}))["token"])
    assert key is not None
    assert (key.limits.rpm, key.aliases, key.expires is None) == (9, {"a": "b"}, False)
    assert (await office.post("user_new", duration="1000d")).status == 400
    await made(office, "team_new", team_id="t", tpm_limit=0)
    team = await made(office, "team_member_add", team_id="t", member={"role": "user", "user_id": "c"})
    assert (team["max_budget"], team["tpm_limit"], team["updated_users"][0]["max_budget"]) == (50.0, 0, 5.0)


async def test_spend_of_a_period_begins_anew_with_it(office: Office) -> None:
    """What was spent before the current period is in the total alone; the answer says when the period ends."""
    await clear_of_midnight()
    await made(office, "team_new", team_id="t", max_budget=1, budget_duration="1d")
    now = time.time()
    before = now // 86_400 * 86_400 - 10
    await Ledger(office.store).write([finished("old", before, 5_000_000), finished("new", now, 2_000_000)])
    team = (await office.get("team_info", team_id="t")).body["team_info"]
    assert (team["spend"], team["total_spend"]) == (0.002, 0.007)
    assert team["budget_reset_at"] == time.strftime("%Y-%m-%dT00:00:00.000Z", time.gmtime(before + 86_410))


def finished(id: str, ended: float, cost: int) -> Completion:
    """Return a request of the team `t`."""
    attempt = Attempt(f"{id}-1", "d", "demo", "demo", ended, ended, "success", usage=Usage(3), cost=cost)
    return Completion(
        id, "chat_completions", "openai", "demo", "success", 200, ended, ended, key="k", user="u", team="t",
        organization="o", attempts=(attempt,),
    )  # fmt: skip


async def test_what_the_file_declares_is_changed_there(office: Office) -> None:
    """A declared team, user or key is shown as such, and neither changed nor deleted, nor taken along."""
    now = time.time()
    await organizations(office.store).insert(OrganizationRecord("o", now))
    await teams(office.store).insert(TeamRecord("t", now, organization_id="o", declared=True))
    await users(office.store).insert(UserRecord("u", now, declared=True))
    await users(office.store).insert(UserRecord("v", now))
    await Keys(office.store).insert(KeyRecord("0" * 64, "sk-...", now, user_id="v", declared=True))
    assert (await office.get("team_info", team_id="t")).body["team_info"]["declared"]
    for route, body in (
        ("team_update", {"team_id": "t", "team_alias": "x"}),
        ("team_block", {"team_id": "t"}),
        ("team_delete", {"team_ids": ["t"]}),
        ("organization_delete", {"organization_ids": ["o"]}),
        ("user_update", {"user_id": "u", "user_alias": "x"}),
        ("user_delete", {"user_ids": ["u"]}),
        ("user_delete", {"user_ids": ["v"]}),
    ):
        reply = await office.post(route, **body)
        assert (route, reply.status) == (route, 400)
        assert "configuration file" in reply.body["message"]
    assert await users(office.store).count({}) == 2


async def test_adding_a_stranger_to_an_organization_gives_no_power_over_it(office: Office) -> None:
    """Its administrator sees what belongs to the organization, and deletes only users who were made in it."""
    await made(office, "organization_new", organization_id="o", organization_alias="O")
    await made(office, "organization_member_add", organization_id="o", member={"role": "org_admin", "user_id": "boss"})
    await made(office, "team_new", team_id="elsewhere")
    await made(office, "team_new", team_id="here", organization_id="o")
    stranger = await made(office, "user_new", user_id="stranger", teams=["elsewhere"])
    boss = user("boss")
    member = {"role": "internal_user", "user_id": "stranger"}
    assert (await office.post("organization_member_add", boss, organization_id="o", member=member)).status == 200
    info = await office.get("user_info", boss, user_id="stranger")
    assert info.status == 200
    assert (info.body["keys"], info.body["teams"], info.body["user_info"]["teams"]) == ([], [], [])
    assert stranger["token"] not in info.text
    assert (await office.get("user_info_v2", boss, user_id="stranger")).body["teams"] == []
    assert (await office.post("user_delete", boss, user_ids=["stranger"])).status == 403
    own = (await office.post("user_new", boss, organizations=["o"], teams=["here"])).body
    assert own["allowed_routes"] == ["llm_api_routes"]  # else whoever made the user would manage in its name
    info = (await office.get("user_info", boss, user_id=own["user_id"])).body
    assert [key["token"] for key in info["keys"]] == [own["token"]]
    assert (await office.post("user_delete", boss, user_ids=[own["user_id"]])).status == 200


async def test_a_new_address_is_one_user_however_many_ask(office: Office) -> None:
    """Five groups that name the same new address at once have the same member."""
    for number in range(5):
        await made(office, "team_new", team_id=f"t{number}")
    member = {"role": "user", "user_email": "new@example.com"}
    replies = await asyncio.gather(
        *(office.post("team_member_add", team_id=f"t{number}", member=member) for number in range(5))
    )
    assert [reply.status for reply in replies] == [200] * 5
    assert len({reply.body["updated_users"][0]["user_id"] for reply in replies}) == 1
    assert await users(office.store).count({}) == 1


async def test_a_team_that_goes_leaves_nothing_behind(office: Office) -> None:
    """Members and keys that are made while it is deleted are refused, or go with it."""
    await made(office, "team_new", team_id="t")
    deleted, *others = await asyncio.gather(
        office.post("team_delete", team_ids=["t"]),
        *(office.post("team_member_add", team_id="t", member={"role": "user", "user_id": f"u{n}"}) for n in range(4)),
        *(office.post("key_generate", team_id="t") for _ in range(4)),
    )
    assert deleted.status == 200
    assert {reply.status for reply in others} <= {200, 400, 404}
    assert await memberships(office.store).count({}) == 0
    assert await Keys(office.store).count() == 0
