"""The ledger on a real MongoDB-protocol server."""

import asyncio

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.pages import Wanted


def completion(request_id: str, cost: int, *, key: str = "k", estimated: bool = False) -> Completion:
    """Return a completion of one attempt."""
    attempt = Attempt(
        id=f"{request_id}-1", deployment="d", provider="demo", model="demo", started=0, ended=1,
        outcome="success", usage=Usage(input=3, output=2), cost=cost,
    )  # fmt: skip
    return Completion(
        request_id=request_id, route="chat_completions", dialect="openai", model_group="demo", outcome="success",
        status=200, received=0, ended=1, key=key, attempts=(attempt,), estimated=estimated,
    )  # fmt: skip


async def test_redelivered_and_concurrent_events_count_once(store: Store) -> None:
    """The same events from four writers at once give one document each and one rollup."""
    ledger = Ledger(store)
    batch = [completion(f"r{n}", 100 + n) for n in range(20)]
    written = await asyncio.gather(*[ledger.write(batch) for _ in range(4)])
    assert sum(written) == 20
    assert await ledger.key_spend("k") == sum(item.cost for item in batch)
    assert len(await ledger.listing.newest(Wanted(key="k"), since=0, until=2, limit=100)) == 20


async def test_a_real_event_replaces_an_estimate(store: Store) -> None:
    """The rollup moves by the difference, and an estimate never replaces the real one."""
    ledger = Ledger(store)
    await ledger.write([completion("r", 500, estimated=True)])
    await ledger.write([completion("r", 120)])
    await ledger.write([completion("r", 900, estimated=True)])
    assert await ledger.key_spend("k") == 120
