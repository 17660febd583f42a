"""The ledger of a running stack, read straight from its store."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import aiohttp

from shared.store.connection import Store
from shared.store.ledger import Ledger
from tests.support.stack import Stack


class Books:
    """What the ledger says, and what the demo provider says it sold."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._store = Store.open(stack.mongodb_url)
        self.ledger = Ledger(self._store)

    async def entries(self, request_ids: Iterable[str], timeout: float = 30.0) -> dict[str, dict[str, Any]]:
        """Return the documents of these requests, once all are there; missing ones are missing in the answer."""
        found: dict[str, dict[str, Any]] = {}
        missing = set(request_ids)
        end = time.monotonic() + timeout
        while missing and time.monotonic() < end:
            for request_id in list(missing):
                document = await self.ledger.find(request_id)
                if document is not None:
                    found[request_id] = document
                    missing.discard(request_id)
            await asyncio.sleep(0.05)
        return found

    async def sold(self) -> dict[str, Any]:
        """Return the demo provider's own figures."""
        async with aiohttp.ClientSession() as session, session.get(f"{self._stack.demo_url}/_demo/stats") as response:
            return dict(await response.json())

    async def close(self) -> None:
        """Close the connection."""
        await self._store.close()
