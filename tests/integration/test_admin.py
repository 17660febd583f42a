"""The admin service on a real nats-server and a real store, asked the way edge and auth ask it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.admin.app import build
from shared.bus.changes import ChangeFollower
from shared.bus.lane_reader import Lanes
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.pricing.usage import Usage
from shared.schemas.context import Principal
from shared.schemas.control import Change
from shared.schemas.events import Attempt, Completion
from shared.security.keys import key_digest, stored_hash
from shared.security.sealing import unseal
from shared.settings import Configuration, Runtime
from shared.store.audit import Audit
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.keys import Keys
from shared.store.ledger import Ledger
from shared.store.models import Models
from shared.store.setup import ensure_indexes
from tests.support.haste import in_haste
from tests.support.office import MASTER, Office
from tests.support.store_server import StoreServer

SECRET = b"0123456789abcdef"
ENCRYPTION_KEY = bytes(range(32))
CONFIGURATION = Configuration.model_validate(
    {"models": [{"model_name": "fixed", "deployments": [{"provider": "demo", "model": "demo", "api_key": "sk-file"}]}]}
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One store server for all tests here; each test empties its database."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


class Running:
    """The parts of a test: the office, and the workers behind it."""

    def __init__(self, office: Office, edge: Worker, admins: list[Worker]) -> None:
        self.office = office
        self.edge = edge
        self.admins = admins


@pytest.fixture
async def running(nats_server: Any, server: StoreServer, worker_on: Any, eventually: Any) -> AsyncIterator[Running]:
    """Run two admins over an empty database, and an edge that asks them."""
    async with AsyncExitStack() as stack:
        store = Store.open(server.url)
        stack.push_async_callback(store.close)
        await store.client.drop_database("tollway")
        await ensure_indexes(store)
        runtime = Runtime(
            "admin", CONFIGURATION, nats_server.url,
            mongodb_url=server.url, secret=SECRET, encryption_key=ENCRYPTION_KEY,
        )  # fmt: skip
        admins = []
        for _ in range(2):
            worker = await stack.enter_async_context(worker_on("admin"))
            await stack.enter_async_context(build(worker, runtime))
            await worker.bus.barrier()
            worker.ready()
            admins.append(worker)
        edge = await stack.enter_async_context(worker_on("edge"))
        lanes = Lanes(edge)
        await lanes.start()
        await edge.bus.barrier()
        await eventually(lambda: len(edge.members.alive("admin", time.monotonic())) == 2)
        yield Running(Office(Stage(edge, lambda call: None, max_in_hand=1), lanes, store), edge, admins)
        with in_haste():
            await stack.aclose()


@pytest.fixture
def office(running: Running) -> Office:
    """Return who asks."""
    return running.office


def holder_of(key: str, **facts: Any) -> Principal:
    """Return the principal that auth makes of a virtual key."""
    return Principal("key_holder", key=stored_hash(key_digest(key), SECRET), **facts)


async def test_a_key_is_made_shown_once_and_found_by_each_of_its_ids(office: Office) -> None:
    """The key, its SHA-256 and its token lead to it; no later answer and no document holds the key."""
    asked = {"key_alias": "ünï", "models": ["fast"], "duration": "1h", "user_id": "u1", "metadata": {"a.b": 1}}
    made = await office.post("key_generate", **asked)
    headers = {"content-type": "application/json", "x-tollway-unknown-models": "fast"}
    assert (made.status, made.headers) == (200, headers)
    key, token = made.body["key"], made.body["token"]
    assert key.startswith("sk-")
    assert (made.body["key_name"], made.body["token_id"]) == (f"sk-...{key[-4:]}", token)
    assert (made.body["duration"], made.body["created_by"], made.body["spend"]) == ("1h", "master key", 0.0)
    assert made.body["expires"] > made.body["created_at"]
    for id in (key, key_digest(key), token):
        info = await office.get("key_info", key=id)
        assert info.status == 200
        assert info.body["info"]["key_alias"] == "ünï"
        assert info.body["info"]["metadata"] == {"a.b": 1}
        assert key not in info.text
    documents = await office.store.database["keys"].find({}).to_list(length=None)
    assert key not in str(documents)
    assert key_digest(key) not in str(documents)


async def test_a_chosen_key_and_its_alias_are_taken_once(office: Office) -> None:
    """A second key of that value or alias is 409; of ten at once one is made."""
    chosen = "sk-chosen-by-the-operator"
    made = await office.post("key_generate", key=chosen, key_alias="one")
    assert made.body["key"] == chosen
    assert (await office.post("key_generate", key=chosen)).status == 409
    refused = await office.post("key_generate", key_alias="one")
    assert (refused.status, refused.body["param"]) == (409, "key_alias")
    replies = await asyncio.gather(*[office.post("key_generate", key_alias="ten") for _ in range(10)])
    assert sorted(reply.status for reply in replies) == [200] + [409] * 9


async def test_what_would_restrict_is_refused_and_what_would_not_is_named(office: Office) -> None:
    """Nothing that was asked for is dropped without a word."""
    refused = await office.post("key_generate", tpd_limit=0)
    assert (refused.status, refused.body["param"]) == (400, "tpd_limit")
    unknown = await office.post("key_generate", key_alais="x")
    assert "perhaps 'key_alias' is meant" in unknown.body["message"]
    made = await office.post("key_generate", tpd_limit=None, prompts=[], config={"a": 1}, agent_id="x")
    assert made.headers["x-tollway-ignored-fields"] == "config, agent_id"
    assert made.body["agent_id"] == "x"
    info = await office.get("key_info", key=made.body["token"])
    assert info.body["info"]["config"] == {"a": 1}


async def test_a_key_holder_sees_itself_and_nobody_else(office: Office) -> None:
    """Another's key and one that does not exist are refused alike; a deleted key finds nothing."""
    mine = (await office.post("key_generate")).body["key"]
    other = (await office.post("key_generate")).body["key"]
    me = holder_of(mine)
    assert (await office.get("key_info", me)).body["info"]["token"] == me.key
    for id in (mine, key_digest(mine), me.key):
        assert (await office.get("key_info", me, key=id)).status == 200
    answers = [await office.get("key_info", me, key=id) for id in (other, "sk-does-not-exist-0000")]
    assert [answer.status for answer in answers] == [403, 403]
    assert [answer.body["message"].partition("' ")[2] for answer in answers] == [
        "is none of those that you may see or change."
    ] * 2
    logs = await office.get("spend_logs", me, api_key=other)
    assert logs.status == 403
    assert (await office.get("key_info")).status == 400


async def test_blocking_and_deleting_answer_as_litellm_does(office: Office) -> None:
    """A blocked key says so; deletion is all or nothing and names what was asked for."""
    made = [(await office.post("key_generate", key_alias=f"a{n}")).body for n in range(3)]
    blocked = await office.post("key_block", key=made[0]["key"])
    assert (blocked.body["blocked"], blocked.body["token"]) == (True, made[0]["token"])
    unblocked = await office.post("key_unblock", key=key_digest(made[0]["key"]))
    assert unblocked.body["blocked"] is False
    missing = await office.post("key_delete", keys=[made[0]["token"], "sk-does-not-exist-0000"])
    assert missing.status == 404
    assert "does-not-exist" not in missing.body["message"]
    assert (await office.get("key_list")).body["total_count"] == 3
    deleted = await office.post("key_delete", keys=[made[0]["token"], made[0]["token"]], key_aliases=["a0", "a1"])
    assert deleted.body == {"deleted_keys": [made[0]["token"], "a0", "a1"]}
    assert (await office.get("key_list")).body["keys"] == [made[2]["token"]]
    assert (await office.post("key_block", key=made[0]["token"])).status == 404
    assert (await office.post("key_delete")).status == 400


async def test_keys_are_listed_in_pages(office: Office) -> None:
    """The newest first, by LiteLLM's filters; an order or filter that is not there is refused, not ignored."""
    tokens = [(await office.post("key_generate", user_id=f"u{n % 2}")).body["token"] for n in range(5)]
    first = await office.get("key_list", size=2)
    assert first.body == {"keys": tokens[:2:-1], "total_count": 5, "current_page": 1, "total_pages": 3}
    assert (await office.get("key_list", size=2, page=3)).body["keys"] == [tokens[0]]
    full = await office.get("key_list", user_id="u1", return_full_object="true")
    assert [item["token"] for item in full.body["keys"]] == [tokens[3], tokens[1]]
    assert full.body["keys"][0]["spend"] == 0.0
    assert (await office.get("key_list", key_hash=tokens[2])).body["keys"] == [tokens[2]]
    assert (await office.get("key_list", key_alias="none")).body["keys"] == []
    assert (await office.get("key_list", sort_order="asc", size=2)).body["keys"] == tokens[:2]
    refused = [
        {"sort_by": "spend"},
        {"sort_order": "up"},
        {"size": 0},
        {"size": 101},
        {"status": "deleted"},
        {"pag": 1},
    ]
    assert [(await office.get("key_list", **query)).status for query in refused] == [400] * 6


async def test_every_change_is_audited_without_secrets(office: Office) -> None:
    """Who, what, from where, before and after; keys and credentials are not in it."""
    made = (await office.post("key_generate", metadata={"langfuse_secret_key": "canary"})).body
    own = (await office.post("key_generate")).body["token"]
    boss = Principal("proxy_admin", key=own, key_alias="boss")
    await office.post("key_block", boss, key=made["key"])
    await office.post("key_delete", boss, keys=[made["key"]])
    history = await Audit(office.store).history("key", made["token"])
    assert [entry.action for entry in history] == ["key.deleted", "key.blocked", "key.generated"]
    assert [(entry.actor, entry.actor_name) for entry in history[1:]] == [(own, "boss"), ("master key", "master key")]
    blocked = history[1]
    assert blocked.before is not None
    assert blocked.after is not None
    assert (blocked.before["blocked"], blocked.after["blocked"]) == (False, True)
    assert (blocked.client, blocked.after["updated_by"]) == ("192.0.2.1", "boss")
    written = str(await office.store.database.audit.find({}).to_list(length=None))
    assert made["key"] not in written
    assert "canary" not in written


async def test_a_deployment_is_added_shown_and_removed(office: Office) -> None:
    """Its credential is sealed for it alone and never comes back; the file's deployments are read-only."""
    made = await office.post(
        "model_new",
        model_name="fast",
        litellm_params={
            "model": "openai/gpt-4o", "api_base": "https://api.example.com/v1", "api_key": "sk-canary-provider",
            "input_cost_per_token": 2.5e-06, "timeout": 30, "temperature": 0.5,
        },
        model_info={"mode": "chat"},
    )  # fmt: skip
    id = made.body["model_id"]
    assert made.headers["x-tollway-ignored-fields"] == "litellm_params.temperature"
    assert made.body["model_info"]["id"] == id
    record = await Models(office.store).find(id)
    assert record is not None
    assert unseal(record.api_key_sealed, ENCRYPTION_KEY, id) == "sk-canary-provider"
    everything = await office.get("model_info")
    assert [item["model_name"] for item in everything.body["data"]] == ["fixed", "fast"]
    one = await office.get("model_info", litellm_model_id=id)
    (shape,) = one.body["data"]
    assert shape["litellm_params"]["model"] == "openai/gpt-4o"
    assert (shape["litellm_params"]["timeout"], shape["litellm_params"]["input_cost_per_token"]) == (30, 2.5e-06)
    assert (shape["model_info"]["db_model"], shape["model_info"]["mode"]) == (True, "chat")
    audit = str(await office.store.database.audit.find({}).to_list(length=None))
    for text in (made.text, everything.text, one.text, audit):
        assert "sk-canary-provider" not in text
        assert "sk-file" not in text
    assert (
        await office.post("model_new", model_name="x", litellm_params={"model": "demo/demo"}, model_info={"id": id})
    ).status == 409
    assert (await office.post("model_delete", id="fixed/0")).status == 400
    assert (await office.post("model_delete", id=id)).body == {"message": f"Model: {id} deleted successfully"}
    assert (await office.post("model_delete", id=id)).status == 404
    assert (await office.get("model_info", litellm_model_id=id)).status == 404


async def test_a_key_holder_sees_the_models_that_it_may_use(office: Office) -> None:
    """Without addresses, and without those of others."""
    params = {"model": "openai/gpt-4o", "api_base": "https://internal.example.com"}
    await office.post("model_new", model_name="fast", litellm_params=params)
    answer = await office.get("model_info", Principal("key_holder", key="h", models=("fast",)))
    assert [item["model_name"] for item in answer.body["data"]] == ["fast"]
    assert "internal.example.com" not in answer.text


async def test_changes_are_heard_by_everybody_at_once_and_numbered_once(running: Running, eventually: Any) -> None:
    """With two admins at work the numbers have no gap, and a follower hears each change without asking the store."""
    heard: list[Change] = []
    follower = ChangeFollower(running.edge, Changes(running.office.store), on_change=heard.append, on_reset=heard.clear)
    await follower.start()
    made = await asyncio.gather(*[running.office.post("key_generate") for _ in range(20)])
    assert [reply.status for reply in made] == [200] * 20
    await eventually(lambda: len({change.number for change in heard}) == 20)
    assert {change.number for change in heard} == set(range(1, 21))
    assert {change.id for change in heard} == {reply.body["token"] for reply in made}
    await running.office.post("model_new", model_name="m", litellm_params={"model": "demo/demo"})
    await eventually(lambda: any(change.kind == "model" for change in heard))
    await follower.close()


async def test_a_client_that_leaves_stops_no_change_that_was_begun(running: Running, eventually: Any) -> None:
    """It is made whole and announced, though nobody waits for the answer."""
    heard: list[Change] = []
    changes = Changes(running.office.store)
    follower = ChangeFollower(running.edge, changes, on_change=heard.append, on_reset=heard.clear)
    await follower.start()
    async with running.office.store.transaction() as session:
        # While this holds the counter of changes, no other change can be finished.
        held = await changes.record("model", "held", session)
        asked = asyncio.ensure_future(running.office.post("key_generate", key_alias="gone"))
        await eventually(lambda: any(admin.lanes for admin in running.admins))
        running.edge.cancel("r0", 1)
        await eventually(lambda: not any(admin.lanes for admin in running.admins))
        asked.cancel()
        await asyncio.wait([asked])
    await eventually(lambda: held.number + 1 in {change.number for change in heard})
    found = await Keys(running.office.store).find_by_alias("gone")
    assert found is not None
    assert found.hash in {change.id for change in heard}
    assert len(await Audit(running.office.store).history("key", found.hash)) == 1
    await follower.close()


async def test_spend_is_what_the_ledger_says(office: Office) -> None:
    """Shown by /key/info and /spend/logs in dollars, by key, request, user and day."""
    key = (await office.post("key_generate", user_id="u1")).body
    now = time.time()
    completions = [completion(f"q{n}", key["token"], now - n, 1_000_000 * (n + 1)) for n in range(3)]
    await Ledger(office.store).write([*completions, completion("other", "k2", now, 7, user="u2")])
    assert (await office.get("key_info", key=key["key"])).body["info"]["spend"] == 0.006
    logs = await office.get("spend_logs", api_key=key_digest(key["key"]))
    assert [item["request_id"] for item in logs.body] == ["q0", "q1", "q2"]
    assert [item["spend"] for item in logs.body] == [0.001, 0.002, 0.003]
    assert [item["request_id"] for item in (await office.get("spend_logs", user_id="u2")).body] == ["other"]
    assert len((await office.get("spend_logs")).body) == 4
    mine = holder_of(key["key"])
    assert [item["request_id"] for item in (await office.get("spend_logs", mine)).body] == ["q0", "q1", "q2"]
    assert (await office.get("spend_logs", mine, request_id="q1")).body[0]["spend"] == 0.002
    assert (await office.get("spend_logs", mine, request_id="other")).status == 404
    day, tomorrow = (time.strftime("%Y-%m-%d", time.gmtime(now + shift)) for shift in (-3600, 86_400))
    days = (await office.get("spend_logs", start_date=day, end_date=tomorrow)).body
    assert round(sum(item["spend"] for item in days), 12) == 0.006000007
    assert sum(item.get(key["token"], 0) for item in days) == 0.006
    listed = await office.get("spend_logs", start_date=day, end_date=tomorrow, summarize="false")
    assert len(listed.body) == 4
    assert (await office.get("spend_logs", start_date="soon")).status == 400
    await office.post("key_delete", keys=[key["key"]])
    assert len((await office.get("spend_logs", api_key=key["key"])).body) == 3


def completion(request_id: str, key: str, ended: float, cost: int, user: str = "u1") -> Completion:
    """Return a finished request of one attempt."""
    attempt = Attempt(f"{request_id}-1", "d", "demo", "demo", ended, ended, "success", usage=Usage(3), cost=cost)
    return Completion(
        request_id, "chat_completions", "openai", "demo", "success", 200, ended, ended, key=key, user=user,
        attempts=(attempt,),
    )  # fmt: skip


@pytest.mark.parametrize("value", [{"$gt": ""}, {"$ne": None}, ["sk-x"], 5, True])
async def test_a_query_operator_never_reaches_a_query(office: Office, value: Any) -> None:
    """Where a string belongs, anything else is 400, and nothing happens."""
    token = (await office.post("key_generate", key_alias="safe")).body["token"]
    attempts = [
        await office.post("key_delete", keys=[value]),
        await office.post("key_delete", key_aliases=[value]),
        await office.post("key_block", key=value),
        await office.post("model_delete", id=value),
        await office.post("key_generate", key_alias=value),
    ]
    assert [attempt.status for attempt in attempts] == [400] * 5
    assert (await office.get("key_list")).body["keys"] == [token]


async def test_a_store_that_is_away_is_503_and_changes_nothing(
    nats_server: Any, worker_on: Any, eventually: Any, tmp_path: Path
) -> None:
    """While it is away every route says so; when it is back they answer again."""
    with StoreServer(tmp_path / "store") as server:
        store = Store.open(server.url)
        await ensure_indexes(store)
        runtime = Runtime(
            "admin", CONFIGURATION, nats_server.url,
            mongodb_url=server.url, secret=SECRET, encryption_key=ENCRYPTION_KEY,
        )  # fmt: skip
        async with worker_on("admin") as admin, worker_on("edge") as edge, build(admin, runtime):
            await admin.bus.barrier()
            admin.ready()
            lanes = Lanes(edge)
            await lanes.start()
            await edge.bus.barrier()
            await eventually(lambda: edge.address_of("admin") is not None)
            office = Office(Stage(edge, lambda call: None, max_in_hand=1), lanes, store)
            # In a thread: the workers here must go on beating meanwhile.
            await asyncio.to_thread(server.stop, signal.SIGTERM)
            answers = await asyncio.gather(
                office.post("key_generate", key_alias="a"),
                office.get("key_info", key="sk-0123456789abcdef"),
                office.get("spend_logs"),
            )
            assert [answer.status for answer in answers] == [503, 503, 503]
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(60):
                while (made := await office.post("key_generate", key_alias="a")).status == 503:
                    await asyncio.sleep(0.1)
            assert made.status == 200
            assert await Keys(store).count() == 1
        await store.close()


async def test_a_body_that_is_no_request_is_400(running: Running) -> None:
    """Whatever bytes come, the answer says what is wrong."""
    ask = running.office.ask
    bodies = [b"{", b"[]", b"\xff", b"[" * 10_000, b'"x"', b" " * 300_000]
    statuses = [(await ask("key_generate", MASTER, "POST", "", body)).status for body in bodies]
    assert statuses == [400, 400, 400, 400, 400, 413]
    assert (await ask("key_list", MASTER, "GET", "page=1&page=2")).status == 400
    assert (await ask("key_generate", MASTER, "POST", "", b"")).status == 200
