"""Has the sheets of days that are over made before anybody asks for them, beside the writing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from shared.store.connection import StoreUnavailable
from shared.store.sheets import Sheets

log = structlog.get_logger(__name__)

FIRST_SECONDS = 60.0
"""Seconds after its start that a worker leaves the store to others."""

LOOK_SECONDS = 600.0
"""Seconds between two looks whether a sheet is missing."""


@asynccontextmanager
async def making_sheets(sheets: Sheets, *, first: float = FIRST_SECONDS) -> AsyncIterator[None]:
    """Make what is missing while the block runs; two workers that do so make the same."""
    task = asyncio.create_task(_make(sheets, first))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _make(sheets: Sheets, first: float) -> None:
    await asyncio.sleep(first)
    while True:
        try:
            made = await sheets.make()
        except StoreUnavailable as error:
            log.warning("billing.sheets_failed", reason=error.message)
        else:
            if made:
                log.info("billing.sheets_made", sheets=made)
        await asyncio.sleep(LOOK_SECONDS)
