"""The clock on the wall, for tests whose days must not end in the middle."""

import asyncio
from datetime import UTC, datetime, timedelta, tzinfo

ROOM = timedelta(seconds=90)
"""What a test is given before midnight at least."""


async def clear_of_midnight(zone: tzinfo = UTC) -> None:
    """Wait where midnight is near, until it is over."""
    now = datetime.now(zone)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight - now < ROOM:
        await asyncio.sleep((midnight - now).total_seconds() + 0.1)
