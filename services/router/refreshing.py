"""Reads deployments again while credentials of theirs stand elsewhere, so that a rotated one is noticed."""

import asyncio
import contextlib
from collections.abc import Callable

from shared.credentials.resolver import Resolver

RETRY_SECONDS = 5.0
"""How soon a credential that could not be read is tried again."""


class Refresh:
    """Asks for a reload now and then, for as long as something was read elsewhere, or could not be."""

    def __init__(self, reload: Callable[[], None], resolver: Resolver, seconds: float) -> None:
        self._reload = reload
        self._resolver = resolver
        self._seconds = seconds
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop asking."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            await self._pass()

    async def _pass(self) -> None:
        """Wait until something is to be read again: soon where it could not be, else when it is old."""
        waited = 0.0
        step = min(RETRY_SECONDS, self._seconds)
        while waited < self._seconds and not self._resolver.unresolved:
            await asyncio.sleep(step)
            waited += step
        if self._resolver.unresolved:
            await asyncio.sleep(step)
        if self._resolver.unresolved or self._resolver.followed:
            self._reload()
