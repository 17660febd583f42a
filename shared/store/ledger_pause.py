"""Keeps the ledger still while all of it is read: writers wait, and the events wait where they are stored.

Every write of the ledger touches one document in its transaction. Whoever pauses the ledger changes that document,
so no write that began before can end after. A pause ends by itself when its owner is gone.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.store.connection import Session, Store, StoreUnavailable, translated

STATE = "ledger"
"""The id of the ledger's one document of its own, in the collection `ledger_state`."""

PAUSE_SECONDS = 30.0
RENEW_SECONDS = 5.0


class LedgerPaused(StoreUnavailable):
    """Somebody verifies or rebuilds the ledger; it is written again when that is over."""


class Pause:
    """A pause that holds as long as it is renewed."""

    def __init__(self, store: Store, owner: str) -> None:
        self._state = store.database.ledger_state
        self._owner = owner
        self._until = 0.0

    async def begin(self) -> None:
        """Raise `LedgerPaused` when somebody else has paused it."""
        now = time.time()
        if not await self._set({"paused_until": {"$lt": now}}, now + PAUSE_SECONDS):
            raise LedgerPaused("the ledger is being verified or rebuilt already", retry_after=RENEW_SECONDS)

    async def renew(self) -> None:
        """Go on; raises `LedgerPaused` when it was lost, after which nothing may be relied on."""
        if not await self._set({"paused_by": self._owner}, time.time() + PAUSE_SECONDS):
            raise LedgerPaused("the pause was lost; run the command again", retry_after=RENEW_SECONDS)

    async def keep(self) -> None:
        """Renew it until cancelled."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with contextlib.suppress(StoreUnavailable):
                await self.renew()

    def check(self) -> None:
        """Raise `LedgerPaused` unless it surely holds still."""
        if time.time() > self._until - RENEW_SECONDS:
            raise LedgerPaused("the database was away for too long; run the command again", retry_after=RENEW_SECONDS)

    async def end(self) -> None:
        """Let the writers go on."""
        with translated():
            await self._state.update_one({"_id": STATE, "paused_by": self._owner}, {"$set": {"paused_until": 0.0}})

    async def _set(self, only: dict[str, object], until: float) -> bool:
        with translated():
            result = await self._state.update_one(
                {"_id": STATE, **only}, {"$set": {"paused_until": until, "paused_by": self._owner}}
            )
        if result.matched_count:
            self._until = until
        return bool(result.matched_count)


@asynccontextmanager
async def paused(store: Store, owner: str) -> AsyncIterator[Pause]:
    """Pause the ledger while the block runs. Raises `LedgerPaused` when somebody else does."""
    pause = Pause(store, owner)
    await pause.begin()
    keeping = asyncio.create_task(pause.keep())
    try:
        yield pause
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await pause.end()


async def writing(store: Store, session: Session) -> None:
    """Take part in the ledger's writes, as the first deed of a transaction; raises `LedgerPaused`."""
    result = await store.database.ledger_state.update_one(
        {"_id": STATE, "paused_until": {"$lt": time.time()}}, {"$inc": {"writes": 1}}, session=session
    )
    if not result.matched_count:
        raise LedgerPaused("the ledger is being verified or rebuilt", retry_after=RENEW_SECONDS)
