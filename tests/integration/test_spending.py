"""What was spent since any moment, by any scope: the ledger's answer against the documents, on a real store."""

import asyncio
import random
import uuid

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.schemas.events import Completion
from shared.schemas.scopes import Scope, of_model, scopes_of
from shared.store.connection import Store, StoreUnavailable
from shared.store.entries import completion_of
from shared.store.ledger import Ledger
from shared.store.pages import Wanted, entry_of
from shared.store.setup import ensure_indexes
from shared.store.sums import party_of
from tests.support.completions import completions
from tests.support.store_server import StoreServer


async def opened(server: StoreServer) -> Store:
    """Return a new database."""
    store = Store.open(server.url, f"t{uuid.uuid4().hex[:8]}")
    await ensure_indexes(store)
    return store


async def written(ledger: Ledger, batch: list[Completion]) -> None:
    """Write a batch, as long as others are faster."""
    while True:
        try:
            await ledger.write(batch)
        except StoreUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


async def agree(store: Store, moments: list[float]) -> None:
    """Compare what was spent, and what is listed, with the documents."""
    ledger = Ledger(store)
    documents = [completion_of(item) async for item in store.database.ledger.find({})]
    scopes = {(scope, item.model_group) for item in documents for scope in scopes_of(**party_of(item)._asdict())}
    for scope, group in scopes:
        for asked in (scope, of_model(scope, group)) if group else (scope,):
            wanted = Wanted.of_scope(asked)
            mine = [item for item in documents if wanted.includes(entry_of(item).owner)]
            for since in (0, *moments, *(item.ended for item in mine[:2])):
                expected = sum(item.cost for item in mine if item.ended >= since)
                assert await ledger.spent(asked, since) == expected, (asked, since)
            listed = await ledger.listing.newest(wanted, since=0, until=1e10, limit=100)
            newest = sorted(mine, key=lambda item: (item.ended, item.request_id), reverse=True)
            assert [item["_id"] for item in listed] == [item.request_id for item in newest]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(completions("rstuvwxyz"), min_size=1, max_size=14), st.lists(st.floats(0, 1e6), max_size=2), st.randoms()
)
def test_what_was_spent_is_what_the_documents_say(
    server: StoreServer, events: list[Completion], moments: list[float], chance: random.Random
) -> None:
    """Through repeats, replaced estimates, second attempts, and two writers at once."""

    async def play() -> None:
        store = await opened(server)
        try:
            ledgers = [Ledger(store), Ledger(store)]
            batches = [chance.sample(events, chance.randint(1, len(events))) for _ in range(4)]
            await asyncio.gather(*[written(ledgers[number % 2], batch) for number, batch in enumerate(batches)])
            await written(ledgers[0], events)
            await agree(store, moments)
        finally:
            await store.close()

    asyncio.run(play())


async def test_what_many_ever_spent_is_asked_together(store: Store) -> None:
    """Each gets its own, more than one query's worth of them, whoever else gives up waiting."""
    ledger = Ledger(store)
    batch = [
        msgspec.convert(
            {
                "request_id": f"r{n}", "route": "x", "dialect": "openai", "model_group": f"g{n % 2}", "status": 200,
                "outcome": "success", "received": 0, "ended": n * 40_000, "key": f"k{n}", "user": "u",
                "attempts": [
                    {"id": "a", "deployment": "d", "provider": "p", "model": "m", "started": 0, "ended": 1,
                     "outcome": "success", "cost": n},
                ],
            },
            Completion,
        )
        for n in range(120)
    ]  # fmt: skip
    await ledger.write(batch)
    scopes = [Scope("key", f"k{n}") for n in range(121)] + [Scope("user", "u"), of_model(Scope("user", "u"), "g1")]
    lost = asyncio.create_task(ledger.spent(scopes[0], 0))
    asking = asyncio.gather(*(ledger.spent(scope, 0) for scope in scopes))
    await asyncio.sleep(0)
    lost.cancel()
    odd = sum(range(1, 120, 2))
    assert await asking == [*range(120), 0, sum(range(120)), odd]


async def test_a_moment_counts_to_the_millisecond(store: Store) -> None:
    """Requests a millisecond apart, at the boundaries of slices, half hours and days."""
    ledger = Ledger(store)
    template = msgspec.convert(
        {
            "request_id": "r", "route": "x", "dialect": "openai", "model_group": "g", "outcome": "success",
            "status": 200, "received": 0, "ended": 0, "key": "k", "user": "u", "team": "t",
            "attempts": [
                {"id": "a", "deployment": "d", "provider": "p", "model": "m", "started": 0, "ended": 1,
                 "outcome": "success", "cost": 1},
            ],
        },
        Completion,
    )  # fmt: skip
    base = 1_700_006_400.0
    moments = [
        base + boundary + step / 1000
        for boundary in (0, 5, 60, 1800, 3600, 86_400, 90_005)
        for step in (-1, 0, 1)
    ]  # fmt: skip
    batch = [msgspec.structs.replace(template, request_id=f"r{n}", ended=at) for n, at in enumerate(moments)]
    await ledger.write(batch)
    await agree(store, moments)
