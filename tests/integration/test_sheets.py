"""Sheets of days that are over: rankings read them, and they say what the rows say, whatever is written later."""

import asyncio
import time
from typing import Any

import msgspec

from services.billing.sheets import making_sheets
from shared.schemas.events import Completion
from shared.schemas.scopes import SEPARATOR
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.reports import Rank
from shared.store.sheets import KEPT, Sheets
from shared.store.sums import DAY, day_of, listed
from shared.store.verification import rebuild

EVER = ("", "9999")
CALLERS, TEAMS = listed("caller"), listed("team")


def finished(number: int, key: str, cost: int, *, days_ago: int, team: str = "t") -> Completion:
    """Return a completion of a key, which ended some days ago, or with a minus on a day that no test sees over."""
    ended = (time.time() // DAY - days_ago) * DAY + 3600
    facts = {
        "request_id": f"r{number}", "route": "x", "dialect": "openai", "model_group": "g", "outcome": "success",
        "status": 200, "received": 0, "ended": ended, "key": key, "key_alias": f"alias of {key}", "user": "u",
        "team": team, "attempts": [
            {"id": f"a{number}", "deployment": "d", "provider": "p", "model": "m", "started": 0, "ended": 1,
             "outcome": "success", "cost": cost, "usage": {"input": 3, "output": 2}},
        ],
    }  # fmt: skip
    return msgspec.convert(facts, Completion)


async def dearest(ledger: Ledger, limit: int = 10) -> list[Rank]:
    """Return the keys that ever spent most."""
    return await ledger.reports.biggest(CALLERS, "key", *EVER, limit=limit)


async def sheets_in(store: Store) -> list[Any]:
    """Return the ids of all sheets and of their further pages."""
    return sorted([item["_id"] async for item in store.database.day_sheets.find({}, {"_id": 1})])


async def test_a_ranking_is_the_same_with_and_without_sheets(store: Store) -> None:
    """Days that are over get a sheet when they are first read; others are read from their rows each time."""
    ledger = Ledger(store)
    await ledger.write([finished(1, "k1", 300, days_ago=3), finished(2, "k2", 200, days_ago=3)])
    await ledger.write([finished(3, "k2", 250, days_ago=2), finished(4, "k3", 10, days_ago=-1)])
    ranks = [Rank("k2", 450, "alias of k2"), Rank("k1", 300, "alias of k1"), Rank("k3", 10, "alias of k3")]
    assert await dearest(ledger) == ranks
    assert len(await sheets_in(store)) == 2
    assert await dearest(ledger) == ranks
    assert await dearest(ledger, limit=1) == ranks[:1]
    teams = [Rank("t", 760, "")]
    assert await ledger.reports.biggest(TEAMS, "id", *EVER, limit=10) == teams


async def test_an_event_that_comes_late_is_in_the_ranking(store: Store) -> None:
    """A sheet is not read once anything was written of its day, and the next one says all."""
    ledger = Ledger(store)
    await ledger.write([finished(1, "k1", 300, days_ago=3)])
    assert await dearest(ledger) == [Rank("k1", 300, "alias of k1")]
    await ledger.write([finished(2, "k2", 0, days_ago=3)])
    both = [Rank("k1", 300, "alias of k1"), Rank("k2", 0, "alias of k2")]
    assert await dearest(ledger) == both
    assert await dearest(ledger) == both
    assert len(await sheets_in(store)) == 1


async def test_a_long_sheet_has_several_pages(store: Store) -> None:
    """All of them are read, and those of a sheet that is no longer true go with it."""
    ledger, sheets = Ledger(store), Sheets(store, on_one_page=2)
    await ledger.write([finished(number, f"k{number}", number + 1, days_ago=2) for number in range(5)])
    assert await sheets.make() == len(KEPT)
    before = await sheets_in(store)
    assert len(before) == 5
    assert [rank.spend for rank in await dearest(ledger)] == [5, 4, 3, 2, 1]
    assert await sheets_in(store) == before
    await ledger.write([finished(5, "k5", 6, days_ago=2)])
    assert await sheets.make() == len(KEPT)
    after = await sheets_in(store)
    assert len(after) == 5
    assert len(set(before) & set(after)) == len(KEPT)
    assert [rank.spend for rank in await dearest(ledger)] == [6, 5, 4, 3, 2, 1]


async def test_a_sheet_whose_pages_are_gone_is_made_anew(store: Store) -> None:
    """Who reads while another one replaces a sheet reads the rows instead."""
    ledger, sheets = Ledger(store), Sheets(store, on_one_page=1)
    await ledger.write([finished(1, "k1", 300, days_ago=2), finished(2, "k2", 200, days_ago=2)])
    await sheets.make()
    further = [id for id in await sheets_in(store) if id.endswith(f"{SEPARATOR}0")]
    assert further
    await store.database.day_sheets.delete_many({"_id": {"$in": further}})
    assert [rank.spend for rank in await dearest(ledger)] == [300, 200]


async def test_a_rebuilt_ledger_has_no_sheets(store: Store) -> None:
    """What was wrong in the rows was wrong on the sheets."""
    ledger = Ledger(store)
    await ledger.write([finished(1, "k1", 300, days_ago=2)])
    await store.database.rollups.update_one({"kind": "caller"}, {"$inc": {"spend": 5}})
    assert (await dearest(ledger))[0].spend == 305
    await rebuild(store, "test", lambda what, more: None)
    assert (await dearest(ledger))[0].spend == 300


async def test_days_say_what_each_of_a_list_spent(store: Store) -> None:
    """A report by day reads the same sheets."""
    ledger = Ledger(store)
    await ledger.write([finished(1, "k", 3, days_ago=2, team="a"), finished(2, "k", 4, days_ago=2, team="b")])
    await ledger.write([finished(3, "k", 5, days_ago=-1, team="a")])
    found: dict[str, dict[str, int]] = {}
    async for day, some in ledger.reports.spent_by_day(TEAMS, "id", *EVER):
        found.setdefault(day, {}).update({id: spend for id, spend, _ in some})
    assert list(found.values()) == [{"a": 3, "b": 4}, {"a": 5}]
    assert sorted(found) == list(found)


async def test_billing_makes_them_before_anybody_asks(store: Store) -> None:
    """Those of all days that are over, and no others."""
    await Ledger(store).write([finished(1, "k", 3, days_ago=2), finished(2, "k", 4, days_ago=-1)])
    async with asyncio.timeout(60), making_sheets(Sheets(store), first=0):
        while len(await sheets_in(store)) < len(KEPT):
            await asyncio.sleep(0.02)
    latest = max(id.rpartition(SEPARATOR)[2] for id in await sheets_in(store))
    assert latest <= day_of(int(time.time()))
