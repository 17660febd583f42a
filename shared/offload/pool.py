"""A helper process for pure functions over large bodies.

A thread would not do: the JSON parsers hold the interpreter's lock for as long as they run, so a 32 MiB body
would stop the loop for a tenth of a second.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from shared.errors import Unavailable
from shared.offload.helper import Helper, HelperLost

P = ParamSpec("P")
T = TypeVar("T")

INLINE_LIMIT = 64 * 1024
"""Bytes up to which the function runs at once, in the loop."""


class Offload:
    """Runs functions in the loop for small bodies, in a helper process, started when needed, for large ones.

    Each helper has a thread here that starts it, writes to it and reads from it, so that the loop does none of that.
    """

    def __init__(self, workers: int = 1) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="offload")
        self._own = threading.local()
        self._helpers: set[Helper] = set()
        self._closed = False

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
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._ask, function, body, args, kwargs)
        except HelperLost as error:
            raise Unavailable("the gateway could not read a body of this size; try again", retry_after=1) from error

    def close(self) -> None:
        """End the helper processes."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for helper in list(self._helpers):
            helper.end()

    def _ask(self, function: Callable[..., T], body: bytes, args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        helper = self._helper()
        try:
            answer: T = helper.run(function, body, *args, **kwargs)
        except HelperLost:
            self._own.helper = None
            self._helpers.discard(helper)
            raise
        return answer

    def _helper(self) -> Helper:
        """Return this thread's helper, which is started when it is first needed."""
        helper: Helper | None = getattr(self._own, "helper", None)
        if helper is None:
            helper = self._own.helper = Helper()
            self._helpers.add(helper)
            if self._closed:
                helper.end()
        return helper
