"""A time limit that stands still while somebody else than the provider is waited for."""

import asyncio
from types import TracebackType


class Clock:
    """Runs while it is set; a block under it raises `TimeoutError` when it runs out. Outside the block it is mute."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._inside = False

    def restart(self) -> None:
        """Give the provider its whole time again."""
        if self._inside:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def stop(self) -> None:
        """Stand still until the next `restart`."""
        if self._inside:
            self._timeout.reschedule(None)

    async def __aenter__(self) -> "Clock":
        await self._timeout.__aenter__()
        self._inside = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside = False
        await self._timeout.__aexit__(kind, error, trace)
