"""The ledger as users see it."""

import asyncio
import time
from typing import Any

import aiohttp

LEDGER_SECONDS = 60.0
"""By then an answer that was received is in the ledger, on a busy machine too."""


async def logged(http: aiohttp.ClientSession, request_id: str) -> dict[str, Any]:
    """Return a request's ledger entry, as `/spend/logs` shows it, once it is there."""
    end = time.monotonic() + LEDGER_SECONDS
    while time.monotonic() < end:
        async with http.get("/spend/logs", params={"request_id": request_id}) as response:
            rows = await response.json() if response.status == 200 else []
        if rows:
            assert len(rows) == 1
            return dict(rows[0])
        await asyncio.sleep(0.05)
    raise AssertionError(f"{request_id} is not in the ledger")
