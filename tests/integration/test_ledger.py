"""The ledger on a real MongoDB-protocol server, by both drivers: many writers, writers that die, reading back."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion
from shared.store import sums
from shared.store.connection import Store, StoreUnavailable
from shared.store.ledger import Ledger, Unwritable
from shared.store.pages import Wanted
from shared.store.setup import ensure_indexes
from tests.support.store_server import StoreServer


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


def completion(number: int, *, attempt: str = "a", cost: int = 1000, **fields: Any) -> Completion:
    """Return a completion of one attempt that ended `number` seconds into a day."""
    one = Attempt(
        id=f"{attempt}{number}", deployment="d", provider="demo", model="demo", started=1.0, ended=2.0,
        outcome="success", usage=Usage(input=3, output=2), cost=cost,
    )  # fmt: skip
    given: dict[str, Any] = {
        "request_id": f"r{number}", "route": "chat_completions", "dialect": "openai", "model_group": "demo",
        "outcome": "success", "status": 200, "received": 0.0, "ended": 86_400.0 + number, "key": "k",
        "attempts": (one,),
    }  # fmt: skip
    return Completion(**given | fields)


async def total(store: Store) -> int:
    """Return the spend of all documents, after a look that rows, their parts and pages say the same."""
    found = {"all": 0, "caller": 0}
    async for row in store.database.rollups.find({}):
        if row["kind"] in found:
            found[row["kind"]] += row.get("spend", 0)
        assert row.get("spend", 0) == sums.totals_of(row)["spend"] == sums.spend_of_slots(row, -1, "")
    listed = [sum(page["sums"]) async for page in store.database.ledger_pages.find({})]
    documents = [item["cost"] async for item in store.database.ledger.find({})]
    assert {*found.values(), sum(listed)} == {sum(documents)}
    return sum(documents)


async def test_a_guardrails_verdict_changes_the_document_and_its_sums_once(store: Store) -> None:
    """Before or after what was used, told again and again: one document, one failure, what it cost."""
    ledger = Ledger(store)
    stopped = {"attempts": (), "outcome": "failure", "status": 400, "blocked_by": "words"}
    first, late = completion(1, **stopped), completion(3, **stopped)
    for events in ([completion(1), completion(2)], [first], [late], [completion(3)]) * 2:
        await ledger.write(events)
    documents = {item["_id"]: item async for item in store.database.ledger.find({})}
    assert {id: (item["status"], item.get("blocked_by"), item["cost"]) for id, item in documents.items()} == {
        "r1": (400, "words", 1000),
        "r2": (200, None, 1000),
        "r3": (400, "words", 1000),
    }
    assert await total(store) == 3000
    row = await store.database.rollups.find_one({"kind": "all"})
    assert row is not None
    assert (sums.totals_of(row)["requests"], sums.totals_of(row)["failed"]) == (3, 2)


async def test_writers_that_overlap_leave_one_document_and_one_sum(store: Store) -> None:
    """Four ledgers write overlapping batches to the same rollups at once, each batch twice."""
    ledgers = [Ledger(store) for _ in range(4)]

    async def write(number: int) -> None:
        for start in (number * 20, number * 20, number * 20 + 15):
            batch = [completion(n) for n in range(start, start + 25)]
            while True:
                try:
                    await ledgers[number].write(batch)
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.1)

    await asyncio.gather(*[write(number) for number in range(4)])
    assert await total(store) == 100_000
    assert await Ledger(store).key_spend("k") == 100_000


async def test_a_second_paid_attempt_is_added_and_a_repeat_is_not(store: Store) -> None:
    """One request's events are united by the ids of their attempts, also within one batch."""
    ledger = Ledger(store)
    assert await ledger.write([completion(1, attempt="a", cost=500)]) == 1
    assert await ledger.write([completion(1, attempt="a", cost=500), completion(1, attempt="b", cost=70)]) == 1
    assert await ledger.write([completion(1, attempt="b", cost=70)]) == 0
    document = await ledger.listing.one("r1")
    assert document is not None
    assert (document["cost"], len(document["attempts"])) == (570, 2)
    assert await total(store) == 570


async def test_an_estimate_of_another_minute_and_key_moves_wholly(store: Store) -> None:
    """The rollups of the day and key that it stood under go back to nothing."""
    ledger = Ledger(store)
    await ledger.write([completion(1, cost=900, estimated=True, key="other", ended=5.0)])
    await ledger.write([completion(1, cost=120)])
    assert (await ledger.key_spend("other"), await ledger.key_spend("k")) == (0, 120)
    assert await total(store) == 120
    found = await ledger.listing.newest(Wanted(key="k"), since=0, until=1e6, limit=10)
    assert [(item["_id"], item["estimated"], item["cost"]) for item in found] == [("r1", False, 120)]


async def test_logs_are_the_newest_of_the_window(store: Store) -> None:
    """Whatever the window and the limit, and by key too."""
    ledger = Ledger(store)
    moments = [n * 47 for n in range(130)]
    for start in range(0, 130, 13):
        await ledger.write([completion(n, key=f"k{n % 2}") for n in moments[start : start + 13]])
    base = 86_400.0
    for since, until, limit in ((0, 7000, 5), (100, 5000, 500), (940, 941, 10), (941, 942, 10), (0, 7000, 60)):
        expected = [n for n in reversed(moments) if since <= n < until]
        found = await ledger.listing.newest(Wanted(), since=base + since, until=base + until, limit=limit)
        assert [item["ended"] - base for item in found] == expected[:limit]
        odd = await ledger.listing.newest(Wanted(key="k1"), since=base + since, until=base + until, limit=limit)
        assert [item["ended"] - base for item in odd] == [n for n in expected if n % 2][:limit]
    assert len(await ledger.listing.newest(Wanted(), since=0, until=time.time(), limit=1000)) == 130


async def test_what_no_store_can_hold_is_refused_and_leaves_nothing(store: Store) -> None:
    """A figure beyond 64 bits fails for itself, not for the store's absence."""
    ledger = Ledger(store)
    with pytest.raises(Unwritable):
        await ledger.write([completion(1), completion(2, cost=2**70)])
    assert await total(store) == 0
