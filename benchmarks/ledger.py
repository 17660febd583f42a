"""How many answers the ledger holds, read off the spend of the key that paid for them."""

import asyncio
import time
from typing import Self

import aiohttp

from benchmarks.payloads import COST_NANO
from benchmarks.processes import ProcessFailed
from benchmarks.stack import Stack
from benchmarks.stats import Point

LOOK_SECONDS = 0.5
COMPLETE_LIMIT = 120.0


class Ledger:
    """A virtual key, made through the API, whose spend counts its requests: each costs the same."""

    def __init__(self, session: aiohttp.ClientSession, stack: Stack, key: str) -> None:
        self._session = session
        self._stack = stack
        self._headers = {"Authorization": f"Bearer {stack.master_key}"}
        self.key = key
        self.seen: list[Point] = []
        self._base = 0

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, stack: Stack) -> Self:
        """Make a key; raise `aiohttp.ClientError` when the API refuses."""
        headers = {"Authorization": f"Bearer {stack.master_key}"}
        async with session.post(f"{stack.url}/key/generate", json={"key_alias": "bench"}, headers=headers) as answer:
            answer.raise_for_status()
            return cls(session, stack, str((await answer.json())["key"]))

    async def count(self) -> int:
        """Return how many answers the key has paid for."""
        url = f"{self._stack.url}/key/info"
        async with self._session.get(url, params={"key": self.key}, headers=self._headers) as answer:
            told = await answer.json()
            if answer.status != 200:
                raise ProcessFailed(f"/key/info answered {answer.status}: {told}")
            spend = float(told["info"]["spend"])
        return round(spend * 1e9 / COST_NANO)

    async def settle(self, requests: int) -> float | None:
        """Wait until the ledger holds so many more than at `begin`; return when, or None if it never does."""
        end = time.monotonic() + COMPLETE_LIMIT
        while time.monotonic() < end:
            if await self.look() >= requests:
                return time.time()
            await asyncio.sleep(0.05)
        return None

    async def begin(self) -> None:
        """Count from here; what ran before must be written."""
        self.seen = []
        last = -1
        while (now := await self.count()) != last:
            last = now
            await asyncio.sleep(LOOK_SECONDS)
        self._base = now

    async def look(self) -> int:
        """Note how many answers the ledger holds since `begin`, and return it."""
        count = await self.count() - self._base
        self.seen.append((time.time(), count))
        return count

    async def watch(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)
