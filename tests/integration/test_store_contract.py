"""What every part of the store promises, on a real server by both drivers."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from shared.bus.changes import ChangesTooOld
from shared.errors import Conflict, NotFound
from shared.security.sealing import SealBroken, seal
from shared.store.audit import Audit, AuditEntry
from shared.store.changes import Changes
from shared.store.connection import Driver, Session, Store, StoreUnavailable
from shared.store.keys import KeyFilter, KeyRecord, Keys
from shared.store.models import ModelRecord, Models, to_deployment, usable_deployments
from shared.store.people import UserRecord, users
from shared.store.setup import ensure_indexes
from shared.store.shelves import ROOM
from tests.support.store_server import StoreServer
from tollway.stack.servers import free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One server for all tests here; each test has a database of its own."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.fixture(params=["motor", "pymongo"])
async def store(server: StoreServer, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Return an empty database with its indexes, by each driver in turn."""
    store = Store.open(server.url, f"t{uuid.uuid4().hex[:8]}", driver=request.param)
    await ensure_indexes(store)
    yield store
    await store.close()


async def test_a_key_is_found_by_its_hash_and_nothing_else(store: Store) -> None:
    """What was inserted is found, blocked, listed and deleted."""
    keys = Keys(store)
    record = KeyRecord("h1", "sk-...abcd", 1.0, models=("a", "b"), metadata={"team": "x"})
    await keys.insert(record)
    assert await keys.find("h1") == record
    assert await keys.find("h2") is None
    assert await keys.find_by_alias("") is None
    blocked = await keys.set_blocked("h1", True)
    assert blocked is not None
    assert blocked.blocked
    assert [item.hash for item in await keys.shelf(0)] == ["h1"]
    assert (await keys.delete("h1"), await keys.delete("h1")) == (True, False)


async def test_the_newest_keys_come_first_page_by_page(store: Store) -> None:
    """Pages do not overlap, filters narrow them, and the count is that of the filter."""
    keys = Keys(store)
    for number in range(5):
        await keys.insert(KeyRecord(f"h{number}", "sk-...", float(number), user_id="odd" if number % 2 else "even"))
    odd = KeyFilter(user_id="odd")
    assert [item.hash for item in await keys.where(odd, limit=9)] == ["h3", "h1"]
    assert [item.hash for item in await keys.where(odd, skip=1, limit=9)] == ["h1"]
    assert await keys.count() == 5
    assert await keys.counts("user_id", ["odd", "even", "nobody"]) == {"odd": 2, "even": 3, "nobody": 0}


async def test_keys_stand_on_shelves_in_the_order_of_their_making(store: Store) -> None:
    """A shelf takes so many and no more; what is deleted, or refused, is not counted; nobody is counted twice."""
    keys = Keys(store)
    made = [KeyRecord(f"h{number:04}", "sk-...", float(number)) for number in range(2 * ROOM + 1)]
    await keys.insert_many(made)
    assert await keys.on_shelves() == {2: 1, 1: ROOM, 0: ROOM}
    assert [item.hash for item in await keys.shelf(1)] == [item.hash for item in made[ROOM : 2 * ROOM][::-1]]
    with pytest.raises(Conflict):
        await keys.insert(made[0])
    await keys.delete(made[0].hash)
    await keys.delete_all_of(KeyFilter(hash=made[-1].hash), None)
    assert await keys.on_shelves() == {1: ROOM, 0: ROOM - 1}
    await ensure_indexes(store)
    assert await keys.count() == 2 * ROOM - 1


async def test_keys_that_were_there_before_the_shelves_are_put_on_them(store: Store) -> None:
    """A database of an earlier version is brought up to date once, at start."""
    await store.database.counters.delete_one({"_id": "keys"})
    await store.database["keys"].insert_many(
        [{"_id": f"h{number}", "key_name": "sk-...", "created_at": float(-number)} for number in range(3)]
    )
    await ensure_indexes(store)
    keys = Keys(store)
    await keys.insert(KeyRecord("h3", "sk-...", 1.0))
    assert await keys.on_shelves() == {0: 4}
    assert [item.hash for item in await keys.shelf(0)] == ["h3", "h0", "h1", "h2"]


async def test_a_setup_that_dies_halfway_loses_nobody(store: Store) -> None:
    """Whoever was put on no shelf, or on one that nobody counted, is found after the next start."""
    await store.database.counters.delete_one({"_id": "users"})
    await store.database.shelves.update_one({"_id": "users"}, {"$set": {"on": {"0": 7}}})
    made = [{"_id": f"u{number}", "created_at": float(number)} for number in range(ROOM + 2)]
    made[0]["shelf"] = 0
    await store.database["users"].insert_many(made)
    await asyncio.gather(ensure_indexes(store), ensure_indexes(store))
    found = users(store)
    await found.insert(UserRecord("new", 1000.0))
    assert await found.count({}) == ROOM + 3
    assert [item.id for item in await found.page({}, skip=0, limit=3)] == ["new", f"u{ROOM + 1}", f"u{ROOM}"]
    assert [item.id for item in await found.page({}, skip=ROOM + 2, limit=9)] == ["u0"]


async def test_keys_are_counted_by_whose_they_are_through_every_change(store: Store) -> None:
    """Made, given to somebody else, made anew with and without a grace period, deleted one by one or together."""
    keys = Keys(store)
    made = [KeyRecord(f"h{n}", "sk-...", 1.0, user_id=f"u{n % 2}", team_id="t") for n in range(6)]
    await keys.insert_many(made)

    async def moved(session: Session) -> None:
        await keys.replace(msgspec.structs.replace(made[0], user_id="u1"), session)

    async def renewed(session: Session) -> None:
        await keys.replace(msgspec.structs.replace(made[1], superseded_by="n1"), session)
        await keys.insert_anew(msgspec.structs.replace(made[1], hash="n1", account="h1"), session)
        await keys.delete("h3", session, superseded=True)
        await keys.insert_anew(msgspec.structs.replace(made[3], hash="n3", account="h3"), session)

    for work in (moved, renewed):
        await store.atomically(work)
    assert await keys.counts("user_id", ["u0", "u1"]) == {"u0": 2, "u1": 4}
    assert await keys.delete("h1")
    assert await keys.delete("h5")
    await keys.delete_all_of(KeyFilter(user_id="u0"), None)
    assert await keys.counts("user_id", ["u0", "u1"]) == {"u0": 0, "u1": 3}
    assert await keys.counts("team_id", ["t"]) == {"t": 3}


async def test_keys_that_were_there_before_they_were_counted_are_counted(store: Store) -> None:
    """At the first start, and only then."""
    keys = Keys(store)
    await keys.insert_many([KeyRecord(f"h{n}", "sk-...", 1.0, user_id="u") for n in range(3)])
    await store.database.key_counts.delete_many({})
    for _ in range(2):
        await ensure_indexes(store)
        assert await keys.counts("user_id", ["u"]) == {"u": 3}


async def test_people_stand_on_shelves_in_the_order_of_their_making(store: Store) -> None:
    """A page from anywhere, in both directions, and how many there are; a change moves nobody, and who goes is gone."""
    collection = users(store)
    for number in range(ROOM + 20):
        record = UserRecord(f"u{number:04}", float(number))
        await collection.insert(record)

    async def change(session: Session) -> None:
        await collection.replace(UserRecord("u0001", 1.0, alias="odd"), session)
        await collection.delete("u0000", session)

    await store.atomically(change)
    assert await collection.count({}) == ROOM + 19
    newest = await collection.page({}, skip=15, limit=10)
    assert [item.id for item in newest] == [f"u{number:04}" for number in range(ROOM + 4, ROOM - 6, -1)]
    oldest = await collection.page({}, skip=0, limit=2, down=False)
    assert [(item.id, item.alias) for item in oldest] == [("u0001", "odd"), ("u0002", "")]
    assert (await collection.find("u0001")) == oldest[0]


async def test_an_alias_belongs_to_one_key(store: Store) -> None:
    """Of many keys that want an alias at once, one gets it; keys without an alias are never in each other's way."""
    keys = Keys(store)
    wanted = [keys.insert(KeyRecord(f"h{n}", "sk-...", 1.0, key_alias="ünï")) for n in range(5)]
    results = await asyncio.gather(*wanted, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 4 + ["NoneType"]
    refused = next(result for result in results if isinstance(result, Conflict))
    assert refused.param == "key_alias"
    await keys.insert(KeyRecord("n1", "sk-...", 1.0))
    await keys.insert(KeyRecord("n2", "sk-...", 1.0))
    with pytest.raises(Conflict) as again:
        await keys.insert(KeyRecord("n1", "sk-...", 1.0))
    assert again.value.param == "key"
    found = await keys.find_by_alias("ünï")
    assert found is not None


async def test_metadata_is_kept_whatever_its_names(store: Store) -> None:
    """Names that mean something to the database, or numbers too large for it, are data."""
    keys = Keys(store)
    metadata = {"$where": "1", "a.b": {"$gt": ""}, "": None, "__proto__": [2**70], "nul\0": 1.5}
    await keys.insert(KeyRecord("h", "sk-...", 1.0, metadata=metadata, ignored={"$set": {"x": 1}}))
    found = await keys.find("h")
    assert found is not None
    assert (found.metadata, found.ignored) == (metadata, {"$set": {"x": 1}})


async def test_changes_are_numbered_without_a_gap(store: Store) -> None:
    """Concurrent changes get consecutive numbers, and a follower gets exactly what it missed."""
    changes = Changes(store)
    made = await asyncio.gather(*[changes.record("key", f"k{n}") for n in range(10)])
    assert sorted(change.number for change in made) == list(range(1, 11))
    assert [change.number for change in await changes.since(7)] == [8, 9, 10]
    assert await changes.since(10) == []
    with pytest.raises(ChangesTooOld):
        await changes.since(11)


async def test_a_change_whose_document_is_missing_is_noticed(store: Store) -> None:
    """Where not every change since is at hand, the follower is told to start with empty caches."""
    changes = Changes(store)
    for number in range(3):
        await changes.record("key", f"k{number}")
    await store.database.changes.delete_one({"_id": 2})
    with pytest.raises(ChangesTooOld):
        await changes.since(0)


async def test_setting_up_again_keeps_the_numbers(store: Store) -> None:
    """A restart goes on counting, also when many processes set up at once."""
    changes = Changes(store)
    await changes.record("key", "k")
    await asyncio.gather(*[ensure_indexes(store) for _ in range(4)])
    assert (await changes.latest(), (await changes.record("model", "m")).number) == (1, 2)


async def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    """What failed half-way leaves no object, no change and no audit entry."""
    keys, changes, audit = Keys(store), Changes(store), Audit(store)

    async def work(session: Session) -> None:
        await keys.insert(KeyRecord("h", "sk-...", 1.0), session)
        await changes.record("key", "h", session)
        await audit.record(AuditEntry(1.0, "master key", "", "key.generated", "key", "h"), session)
        raise NotFound("no")

    with pytest.raises(NotFound):
        await store.atomically(work)
    assert (await keys.find("h"), await changes.latest(), await audit.history("key", "h")) == (None, 0, [])


async def test_the_history_of_an_object_is_kept(store: Store) -> None:
    """Entries come newest first, with the object before and after."""
    audit = Audit(store)
    made = AuditEntry(1.0, "h0", "boss", "key.generated", "key", "h", after={"blocked": False}, client="::1")
    blocked = AuditEntry(2.0, "master key", "", "key.blocked", "key", "h", {"blocked": False}, {"blocked": True})
    other = AuditEntry(3.0, "master key", "", "model.deleted", "model", "h")
    for entry in (made, blocked, other):
        await store.atomically(lambda session, entry=entry: audit.record(entry, session))
    history = await audit.history("key", "h")
    assert [msgspec.structs.replace(entry, id="") for entry in history] == [blocked, made]
    assert await audit.find(history[0].id) == history[0]


async def test_a_deployment_is_kept_with_its_credential_sealed(store: Store) -> None:
    """It comes back as the configuration file would have it; the database never holds the credential."""
    models, key = Models(store), bytes(range(32))
    record = ModelRecord(
        "d1", "fast", "openai", "gpt-4o", 2.0, "https://api.openai.com/v1", seal("sk-provider", key, "d1"),
        timeouts={"total": 30.0, "unknown": 1.0}, prices={"input_cost_per_token": "2.5e-06", "other_cost": "1"},
        litellm_params={"$x": 1}, model_info={"base.model": "gpt-4o"},
    )  # fmt: skip
    await models.insert(record)
    await models.insert(ModelRecord("d0", "slow", "demo", "demo", 1.0))
    assert [item.id for item in await models.all()] == ["d0", "d1"]
    assert await models.find("d1") == record
    assert "sk-provider" not in str(await store.database.models.find({}).to_list(length=None))
    deployment = to_deployment(record, key)
    assert deployment.api_key is not None
    assert (deployment.api_key.get_secret_value(), deployment.timeouts.total) == ("sk-provider", 30.0)
    assert (deployment.input_cost_per_token, deployment.output_cost_per_token) == (2.5e-06, None)
    with pytest.raises(SealBroken):
        to_deployment(record, bytes(32))
    assert [name for name, _ in usable_deployments(await models.all(), bytes(32))] == ["slow"]
    with pytest.raises(Conflict):
        await models.insert(record)
    assert await models.delete("d1") == record
    assert (await models.delete("d1"), await models.find("d1")) == (None, None)


async def test_a_store_that_is_away_is_unavailable() -> None:
    """Nobody there is 503 and not a driver's error."""
    store = Store.open(f"mongodb://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable):
        await Keys(store).find("h")
    await store.close()


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_a_store_that_says_nothing_is_unavailable(driver: Driver) -> None:
    """A frozen server that still accepts connections is 503 too, for questions and for transactions."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = Store.open(f"mongodb://127.0.0.1:{silent.getsockname()[1]}", driver=driver)
        questions = [Keys(store).find("h"), Changes(store).record("key", "h")]
        results = await asyncio.gather(*questions, return_exceptions=True)
        assert [type(result) for result in results] == [StoreUnavailable, StoreUnavailable]
        await store.close()
