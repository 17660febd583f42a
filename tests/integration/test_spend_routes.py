"""What admin says about spend: to everybody what is theirs, in LiteLLM's shapes, and all of it adds up."""

import csv
import io
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from services.admin.app import build
from shared.bus.lane_reader import Lanes
from shared.bus.stage import Stage
from shared.pricing.usage import Usage
from shared.routes.policy import Persona, Route
from shared.routes.spend import SPEND_ROUTES
from shared.schemas.context import Principal
from shared.schemas.events import Attempt, Completion
from shared.security.keys import key_digest, stored_hash
from shared.settings import Configuration, Runtime
from shared.store.connection import Store
from shared.store.keys import KeyRecord, Keys
from shared.store.ledger import Ledger
from shared.store.setup import ensure_indexes
from tests.support.haste import in_haste
from tests.support.office import MASTER, Office, Reply
from tests.support.route_samples import SPEND_SAMPLES, Ask
from tests.support.store_server import StoreServer
from tests.support.tenants import Tenant, make_tenant

SECRET = b"0123456789abcdef"
DAY = 86_400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One store server for all tests here; each test empties its database."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.fixture
async def office(nats_server: Any, server: StoreServer, worker_on: Any, eventually: Any) -> AsyncIterator[Office]:
    """Run an admin over an empty database, and who asks it."""
    async with AsyncExitStack() as stack:
        store = Store.open(server.url)
        stack.push_async_callback(store.close)
        await store.client.drop_database("tollway")
        await ensure_indexes(store)
        configuration = Configuration.model_validate({"models": []})
        runtime = Runtime("admin", configuration, nats_server.url, mongodb_url=server.url, secret=SECRET)
        admin = await stack.enter_async_context(worker_on("admin"))
        await stack.enter_async_context(build(admin, runtime))
        await admin.bus.barrier()
        admin.ready()
        edge = await stack.enter_async_context(worker_on("edge"))
        lanes = Lanes(edge)
        await lanes.start()
        await edge.bus.barrier()
        await eventually(lambda: len(edge.members.alive("admin", time.monotonic())) == 1)
        yield Office(Stage(edge, lambda call: None, max_in_hand=1), lanes, store)
        with in_haste():
            await stack.aclose()


def completion(number: int, ended: float, cost: int = 1_000_000, **facts: Any) -> Completion:
    """Return a finished request of one attempt."""
    model = facts.pop("model", "demo")
    provider = facts.pop("provider", "demo")
    attempt = Attempt(
        f"a{number}",
        "d",
        provider,
        model,
        ended - 1,
        ended,
        "success",
        usage=Usage(3, cache_read=1, output=2),
        cost=cost,
    )
    given = {"status": 200, "outcome": "success", "model_group": "fast"} | facts
    return Completion(
        request_id=f"r{number}", route="chat_completions", dialect="openai", received=ended - 1, ended=ended,
        attempts=(attempt,), **given,
    )  # fmt: skip


def day_of(moment: float) -> str:
    """Return the day (UTC)."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def asking(tenant: Tenant, persona: Persona) -> Principal:
    """Return the principal that auth makes of a tenant's key."""
    key = stored_hash(key_digest(tenant.keys[persona]), SECRET)
    if persona == "key_holder":
        return Principal("key_holder", key=key, team=f"team-{tenant.name}")
    role: Any = "internal_user" if persona in ("organization_admin", "team_admin") else persona
    return Principal(role, key=key, user=f"{persona}-{tenant.name}")


async def test_pages_follow_one_another_to_the_last(office: Office) -> None:
    """By the cursor that each answer gives, with and without filters; several requests may end at one moment."""
    now = time.time()
    batch = [
        completion(n, now - n // 3, 1_000 * n, key=f"k{n % 2}", tags=("odd",) if n % 2 else (), model=f"m{n % 5}")
        for n in range(50)
    ]
    await Ledger(office.store).write(batch)
    for asked, expected in (
        ({}, batch),
        ({"tag": "odd"}, [item for item in batch if item.tags]),
        ({"model": "m3"}, [item for item in batch if item.attempts[0].model == "m3"]),
        ({"min_spend": "0.00001", "max_spend": "0.00002"}, [item for item in batch if 10_000 <= item.cost <= 20_000]),
        ({"status_filter": "failure"}, []),
    ):
        found: list[str] = []
        query: dict[str, str] = {"page_size": "7", **asked}
        while True:
            answer = await office.get("spend_logs", **query)
            assert len(answer.body) <= 7
            found += [item["request_id"] for item in answer.body]
            if "x-tollway-next-cursor" not in answer.headers:
                break
            query["cursor"] = answer.headers["x-tollway-next-cursor"]
        newest = sorted(expected, key=lambda item: (item.ended, item.request_id), reverse=True)
        assert found == [item.request_id for item in newest], asked


async def test_what_cannot_be_read_is_400_with_its_name(office: Office) -> None:
    """Dates, cursors, numbers, words, and parameters that nobody has."""
    for route, query in (
        ("spend_logs", {"start_date": "soon"}),
        ("spend_logs", {"cursor": "x"}),
        ("spend_logs", {"cursor": "bnVsbA"}),
        ("spend_logs", {"status_filter": "bad"}),
        ("spend_logs", {"min_spend": "-1"}),
        ("spend_logs", {"page_size": "0"}),
        ("spend_logs", {"team_ids": "t"}),
        ("spend_logs_export", {"format": "xml"}),
        ("global_spend_report", {"start_date": "2026-01-01"}),
        ("global_spend_report", {"start_date": "2026-01-01", "end_date": "2026-01-02", "group_by": "x"}),
        ("user_daily_activity", {}),
        ("user_daily_activity", {"start_date": "2026-02-01", "end_date": "2026-01-01"}),
        ("user_daily_activity", {"start_date": "2026-02-01", "end_date": "2026-02-01", "timezone": "noon"}),
        ("tag_daily_activity", {"start_date": "2020-01-01", "end_date": "2026-01-01"}),
        ("global_spend_keys", {"limit": "many"}),
    ):
        answer = await office.get(route, **query)
        assert answer.status == 400, (route, query, answer.text)
        assert answer.body["param"], (route, query)


async def test_all_reports_say_the_same(office: Office) -> None:
    """Keys, users, teams, models, providers, tags, customers and days: each of their sums is the ledger's."""
    now = time.time()
    batch = [
        completion(
            n, now - n * 7 * 3600, 1_000_000 * (n + 1), key=f"k{n % 3}", key_alias=f"alias{n % 3}", user=f"u{n % 2}",
            team=f"t{n % 2}", organization="o", end_user=f"c{n % 4}", tags=(f"g{n % 2}",), model=f"m{n % 2}",
            provider=f"p{n % 2}", status=502 if n % 5 == 0 else 200,
        )
        for n in range(40)
    ]  # fmt: skip
    await Ledger(office.store).write(batch)
    total = round(sum(item.cost for item in batch) / 1e9, 9)
    days = {"start_date": day_of(now - 20 * DAY), "end_date": day_of(now)}

    async def sums(route: str, field: str, **query: str) -> float:
        answer = await office.get(route, **query)
        assert answer.status == 200, answer.text
        return round(sum(item[field] for item in answer.body), 9)

    assert await sums("spend_keys", "spend") == total
    assert await sums("spend_users", "spend") == total
    assert await sums("spend_teams", "spend") == total
    assert await sums("spend_tags", "total_spend") == total
    assert await sums("global_spend_keys", "total_spend") == total
    assert await sums("global_spend_models", "total_spend") == total
    assert await sums("global_spend_provider", "spend") == total
    assert await sums("global_spend_logs", "spend") == total
    assert await sums("spend_logs", "spend", **days) == total
    assert await sums("spend_logs", "spend", **days, tag="g0") + await sums(
        "spend_logs", "spend", **days, tag="g1"
    ) == pytest.approx(total)
    assert (await office.get("global_spend")).body["spend"] == total
    assert (await office.get("global_spend_tag_names")).body == {"tag_names": ["g0", "g1"]}
    teams = (await office.get("global_spend_teams")).body
    assert round(sum(item["total_spend"] for item in teams["total_spend_per_team"]), 9) == total
    for group, inner in (("team", "teams"), ("customer", "customers")):
        report = (await office.get("global_spend_report", group_by=group, **days)).body
        assert round(sum(one["total_spend"] for day in report for one in day[inner]), 9) == total
        assert round(sum(m["spend"] for day in report for one in day[inner] for m in one["metadata"]), 9) == total
    by_key = (await office.get("global_spend_report", group_by="api_key", **days)).body
    assert round(sum(item["total_cost"] for item in by_key), 9) == total
    activity = (await office.get("global_activity", **days)).body
    tokens = sum(attempt.usage.total_tokens for item in batch for attempt in item.attempts if attempt.usage)
    assert (activity["sum_api_requests"], activity["sum_total_tokens"]) == (40, tokens)
    assert sum(day["api_requests"] for day in activity["daily_data"]) == 40
    assert activity["daily_data"][-1]["date"] == datetime.fromtimestamp(now, UTC).strftime("%b %d")
    by_model = (await office.get("global_activity_model", **days)).body
    assert sum(item["sum_api_requests"] for item in by_model) == 40
    assert sum(day["total_tokens"] for item in by_model for day in item["daily_data"]) == tokens
    for kind in ("user", "team", "organization", "customer", "tag"):
        answer = (await office.get(f"{kind}_daily_activity", **days)).body
        figures = answer["metadata"]
        assert (round(figures["total_spend"], 9), figures["total_api_requests"]) == (total, 40)
        assert (figures["total_failed_requests"], figures["total_successful_requests"]) == (8, 32)
        for part in ("models", "model_groups", "providers", "entities"):
            spent = [item["metrics"]["spend"] for day in answer["results"] for item in day["breakdown"][part].values()]
            assert round(sum(spent), 9) == total, (kind, part)
        dates = [day["date"] for day in answer["results"]]
        assert dates == sorted(dates, reverse=True)
    first = (await office.get("user_daily_activity", **days, page="2", page_size="3")).body
    assert (first["metadata"]["page"], first["metadata"]["has_more"], len(first["results"])) == (2, True, 3)
    keys = (await office.get("team_daily_activity", **days, team_ids="t0", model="m0")).body["results"][0]
    assert {item["metadata"]["key_alias"] for item in keys["breakdown"]["api_keys"].values()} <= {
        "alias0", "alias1", "alias2"
    }  # fmt: skip


async def test_everybody_sees_what_is_theirs(office: Office) -> None:
    """A key its own requests, a user its keys', a team's members the team's, an organization's admin all of it."""
    one, two = await make_tenant(office.store, SECRET), await make_tenant(office.store, SECRET)
    now = time.time()
    batch: list[Completion] = []
    for tenant in (one, two):
        for persona in tenant.keys:
            principal = asking(tenant, persona)
            batch.append(
                completion(
                    len(batch), now - len(batch), key=principal.key, user=principal.user, team=f"team-{tenant.name}",
                    organization=f"org-{tenant.name}",
                )
            )  # fmt: skip
    await Ledger(office.store).write(batch)

    async def seen(persona: Persona, **query: str) -> int:
        answer = await office.get("spend_logs", asking(one, persona), **query)
        return len(answer.body) if answer.status == 200 else -answer.status

    everyone = len(one.keys)
    assert await seen("proxy_admin") == await seen("proxy_admin_viewer") == 2 * everyone
    for persona in ("organization_admin", "team_admin", "internal_user", "internal_user_viewer", "key_holder"):
        assert await seen(persona) == 1
        assert await seen(persona, user_id=f"internal_user-{two.name}") == -403
        assert await seen(persona, team_id=f"team-{two.name}") == -403
        assert await seen(persona, organization_id=f"org-{two.name}") == -403
        assert await seen(persona, api_key=two.places[persona].key) == -403
        assert await seen(persona, request_id="r0") == (1 if persona == "proxy_admin" else -404)
    for persona in ("organization_admin", "team_admin", "internal_user"):
        assert await seen(persona, team_id=f"team-{one.name}") == everyone
    assert await seen("organization_admin", organization_id=f"org-{one.name}") == everyone
    assert await seen("team_admin", organization_id=f"org-{one.name}") == -403
    of_another = {"team_id": f"team-{one.name}", "user_id": f"team_admin-{one.name}"}
    assert await seen("internal_user", **of_another) == -403
    assert await seen("organization_admin", **of_another) == await seen("team_admin", **of_another) == 1
    assert await seen("key_holder", team_id=f"team-{one.name}") == 1
    nobody = await office.get("spend_logs", Principal("internal_user"))
    assert nobody.status == 403
    for route in ("spend_keys", "global_spend_keys", "global_spend_models", "global_spend_logs"):
        [mine] = (await office.get(route, asking(one, "internal_user"))).body
        assert mine.get("spend", mine.get("total_spend")) == 0.001


async def test_a_key_made_anew_goes_by_its_new_hash_too(office: Office) -> None:
    """The ledger knows it by its first hash; its holder and its administrator may name the new one."""
    now = time.time()
    old, new = (f"{secrets.token_hex(32)}" for _ in range(2))
    keys = Keys(office.store)
    await keys.insert(KeyRecord(new, "sk-...", now, account=old))
    await Ledger(office.store).write([completion(0, now, key=old)])
    holder = Principal("key_holder", key=old)
    for asking_one in (holder, MASTER):
        for id in (old, new):
            answer = await office.get("spend_logs", asking_one, api_key=id)
            assert (answer.status, len(answer.body)) == (200, 1)
    assert (await office.get("spend_logs", holder, api_key=secrets.token_hex(32))).status == 403


async def test_a_cost_is_calculated_before_and_after_a_request(office: Office) -> None:
    """By the deployments of a group, or by the provider's name of a model; an unpriced one is not silently free."""
    params = {"model": "openai/own", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-5}
    for factor in (1, 2):
        dearer = {name: value * factor if isinstance(value, float) else value for name, value in params.items()}
        assert (await office.post("model_new", model_name="own", litellm_params=dearer)).status == 200
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    after = await office.post("spend_calculate", completion_response={"model": "own", "usage": usage})
    assert (after.status, after.body) == (200, {"cost": 0.004, "unpriced": False})
    messages = [{"role": "user", "content": "Hello there"}]
    before = await office.post("spend_calculate", model="own", messages=messages)
    assert 0 < before.body["cost"] < 1e-4
    native = {"type": "message", "usage": {"input_tokens": 1000, "output_tokens": 100}}
    known = await office.post("spend_calculate", model="claude-3-5-sonnet-20241022", completion_response=native)
    assert (known.status, known.body["unpriced"], known.body["cost"] > 0) == (200, False, True), known.text
    unpriced = await office.post("spend_calculate", model="openai/nobody-knows-it", messages=messages)
    assert unpriced.body == {"cost": 0.0, "unpriced": True}
    for body, status, param in (
        ({"messages": messages}, 400, "model"),
        ({"model": "own"}, 400, "messages"),
        ({"model": "own", "completion_response": {"usage": {}}}, 400, "completion_response"),
        ({"model": "own", "mesages": messages}, 400, "mesages"),
        ({"model": "no-such", "messages": messages}, 404, "model"),
    ):
        reply = await office.post("spend_calculate", **body)
        assert (reply.status, reply.body["param"]) == (status, param), reply.text
    narrow = Principal("key_holder", key="k", models=("other",))
    assert (await office.post("spend_calculate", narrow, model="own", messages=messages)).status == 404


async def asked(office: Office, route: Route, principal: Principal, ask: Ask) -> Reply:
    """Ask a route as its method has it."""
    body = json.dumps(ask.body or {}).encode()
    return await office.ask(route.name, principal, route.method, urlencode(ask.query), body)


async def test_every_route_answers_about_what_is_ones_own_and_nothing_else(office: Office) -> None:
    """Each persona that a route is for gets an answer about its own, and none that names another tenant's things."""
    one, two = await make_tenant(office.store, SECRET), await make_tenant(office.store, SECRET)
    now = time.time()
    batch: list[Completion] = []
    for tenant in (one, two):
        for persona in tenant.keys:
            who = asking(tenant, persona)
            facts = {
                "team": f"team-{tenant.name}",
                "organization": f"org-{tenant.name}",
                "tags": (f"tag-{tenant.name}",),
            }
            batch.append(completion(len(batch), now, key=who.key, user=who.user, **facts))
    await Ledger(office.store).write(batch)
    for route in SPEND_ROUTES:
        sample = SPEND_SAMPLES[route.name]
        for persona in route.policy.everywhere | route.policy.own:
            mine = await asked(office, route, asking(one, persona), sample.ask(one.places[persona]))
            assert mine.status == 200, (route.name, persona, mine.text)
            theirs = await asked(office, route, asking(one, persona), sample.ask(two.places[persona]))
            if persona in route.policy.everywhere:
                assert theirs.status == 200, (route.name, persona, theirs.text)
                continue
            assert theirs.status == (403 if sample.names_object else 200), (route.name, persona, theirs.text)
            keys = [place.key for place in two.places.values()]
            assert not any(name in mine.text + theirs.text for name in (two.name, *keys)), (route.name, persona)


# The last one here: to empty a database of so many documents takes the embedded store longer than its answers may.
async def test_an_export_streams_every_entry(office: Office) -> None:
    """As CSV and as NDJSON, with the filters of the list; no cell is a formula to a spreadsheet."""
    now = time.time()
    batch = [completion(n, now - n * 11, 1_234, key="k", user="=1+1", tags=("a", "b")) for n in range(1300)]
    ledger = Ledger(office.store)
    for start in range(0, len(batch), 500):
        await ledger.write(batch[start : start + 500])
    answer = await office.get("spend_logs_export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="spend-')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["request_id"] for row in rows] == [item.request_id for item in batch]
    assert (rows[0]["spend"], rows[0]["user"], rows[0]["request_tags"]) == ("0.000001234", "'=1+1", "a;b")
    answer = await office.get("spend_logs_export", format="ndjson", start_date=(
        datetime.fromtimestamp(now, UTC) - timedelta(seconds=5505)
    ).isoformat())  # fmt: skip
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["request_id"] for line in lines] == [item.request_id for item in batch if item.ended >= now - 5505]
    assert lines[0]["metadata"]["attempts"][0]["usage"]["output"] == 2
