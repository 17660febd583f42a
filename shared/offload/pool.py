"""A helper process for pure functions over large bodies.

A thread would not do: the JSON parsers hold the interpreter's lock for as long as they run, so a 32 MiB body
would stop the loop for a tenth of a second.
"""

import asyncio
import ctypes
import multiprocessing
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Concatenate, ParamSpec, TypeVar

from shared.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

INLINE_LIMIT = 64 * 1024
"""Bytes up to which the function runs at once, in the loop."""

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that the kernel sends to this process when its parent dies."""


class Offload:
    """Runs functions in the loop for small bodies, in a helper process, started when needed, for large ones."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    async def run(
        self, function: Callable[Concatenate[bytes, P], T], body: bytes, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return `function(body, …)`, which must be importable by name and raise only errors that pickle."""
        if len(body) <= INLINE_LIMIT:
            return function(body, *args, **kwargs)
        return await self.away(function, body, *args, **kwargs)

    async def away(
        self, function: Callable[Concatenate[bytes, P], T], body: bytes, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return `function(body, …)` from the helper process, for bodies of any size that are much work."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, multiprocessing.get_context("spawn"), initializer=_die_with_parent
            )
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, _call, function, body, args, kwargs)
        except BrokenProcessPool as error:
            self._pool = None
            raise Unavailable("the gateway could not read a body of this size; try again", retry_after=1) from error

    def close(self) -> None:
        """End the helper process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _call(function: Callable[..., T], body: bytes, args: tuple[object, ...], kwargs: dict[str, object]) -> T:
    return function(body, *args, **kwargs)


def _die_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
