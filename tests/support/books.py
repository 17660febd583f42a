"""The ledger of a running stack, read straight from its store."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import aiohttp

from shared.store import entries
from shared.store.by_ids import documents_by_id
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.sums import totals_of
from tests.support.stack import Stack

AMOUNTS = ("requests", "spend", "prompt_tokens", "completion_tokens")


class Books:
    """What the ledger says, and what the demo provider says it sold."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._store = Store.open(stack.mongodb_url)
        self.ledger = Ledger(self._store)

    async def entries(self, request_ids: Iterable[str], timeout: float = 60.0) -> dict[str, dict[str, Any]]:
        """Return the documents of these requests, once all are there; missing ones are missing in the answer."""
        found: dict[str, dict[str, Any]] = {}
        missing = set(request_ids)
        end = time.monotonic() + timeout
        while missing and time.monotonic() < end:
            for stored in await documents_by_id(self._store.database.ledger, sorted(missing)):
                found[stored["_id"]] = entries.shown(stored)
            missing -= set(found)
            if missing:
                await asyncio.sleep(0.1)
        return found

    async def stored(self, request_id: str) -> dict[str, Any]:
        """Return a document as it is stored."""
        document = await self._store.database.ledger.find_one({"_id": request_id})
        assert document is not None
        return dict(document)

    async def labelled(self, prefix: str, number: int, timeout: float = 60.0) -> list[dict[str, Any]]:
        """Return the documents whose label begins like this, once there are so many."""
        end = time.monotonic() + timeout
        while True:
            found = self._store.database.ledger.find({"label": {"$regex": f"^{prefix}"}})
            documents = [entries.shown(stored) for stored in await found.to_list(length=None)]
            if len(documents) >= number or time.monotonic() > end:
                return documents
            await asyncio.sleep(0.1)

    async def summed(self) -> dict[str, int]:
        """Return what all documents come to."""
        sums = dict.fromkeys(AMOUNTS, 0)
        async for stored in self._store.database.ledger.find({}):
            entry = entries.shown(stored)
            sums["requests"] += 1
            sums["spend"] += entry["cost"]
            sums["prompt_tokens"] += entry["prompt_tokens"]
            sums["completion_tokens"] += entry["completion_tokens"]
        return sums

    async def rolled_up(self) -> dict[str, int]:
        """Return what the rollups of everything say."""
        days = [totals_of(row) async for row in self._store.database.rollups.find({"kind": "all"})]
        return {name: sum(day[name] for day in days) for name in AMOUNTS}

    async def sold(self) -> dict[str, Any]:
        """Return the demo provider's own figures."""
        async with aiohttp.ClientSession() as session, session.get(f"{self._stack.demo_url}/_demo/stats") as response:
            return dict(await response.json())

    async def close(self) -> None:
        """Close the connection."""
        await self._store.close()
