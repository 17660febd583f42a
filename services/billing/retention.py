"""Has the ledger swept of what is past its retention, now and then, beside the writing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from shared.store.connection import StoreUnavailable
from shared.store.retention import EVERY, Retention

log = structlog.get_logger(__name__)

LOOK_SECONDS = EVERY / 6
"""Seconds between two looks whether a sweep is due."""


@asynccontextmanager
async def sweeping(retention: Retention | None) -> AsyncIterator[None]:
    """Sweep while the block runs; None keeps everything for ever."""
    if retention is None:
        yield
        return
    task = asyncio.create_task(_sweep(retention))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _sweep(retention: Retention) -> None:
    while True:
        try:
            deleted = await retention.sweep(time.time())
        except StoreUnavailable as error:
            log.warning("billing.sweep_failed", reason=error.message)
        else:
            if deleted:
                log.info("billing.swept", documents=deleted)
        await asyncio.sleep(LOOK_SECONDS)
