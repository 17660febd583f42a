"""Watches an answer go by and says afterwards what it used; whatever fails here, the answer goes on untouched."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from services.passthrough.domain.copies import Reading, StreamCopy, Unreadable, WholeCopy, decoder, read_whole
from services.passthrough.domain.targets import Vendor
from shared.offload import Offload
from shared.wire.headers import Headers, value_of

log = structlog.get_logger(__name__)

COPIES_BYTES = 64 * 1024 * 1024
"""Bytes of whole answers that one worker copies at a time; answers past it have no usage read."""

LATER_SECONDS = 5.0
"""How long the books of requests that ended are waited for when the worker stops."""


class Copying:
    """What all copies of one worker share."""

    def __init__(self, offload: Offload) -> None:
        self.offload = offload
        self.held = 0
        """Bytes in copies right now."""
        self.unreadable = 0
        """Answers whose usage should have been read and was not."""
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Have work done that belongs to a request which has ended."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for that work."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LATER_SECONDS)


class Meter:
    """The copy of one answer."""

    def __init__(self, copying: Copying, vendor: Vendor, headers: Headers, request_id: str) -> None:
        self._copying = copying
        self._vendor = vendor
        self._request_id = request_id
        self._held = 0
        self._copy: WholeCopy | StreamCopy | None = None
        kind = value_of(headers, "content-type").lower()
        reader = decoder(value_of(headers, "content-encoding"))
        self.stream = kind.startswith("text/event-stream")
        if reader is None:
            self._give_up()
        elif self.stream:
            self._copy = StreamCopy(vendor, reader)
        elif "json" in kind:
            self._copy = WholeCopy(reader)

    def feed(self, data: bytes) -> bool:
        """Take bytes of the answer; tell whether they hold a stream's closing event."""
        if self._copy is None:
            return False
        try:
            closing = self._copy.feed(data)
        except Unreadable:
            self._give_up()
            return False
        grown = self._copy.size - self._held
        self._held += grown
        self._copying.held += grown
        if self._copying.held > COPIES_BYTES:
            self._give_up()
        return closing

    async def reading(self) -> Reading | None:
        """Return what the answer told, or None when it could not be read."""
        copy = self._copy
        if isinstance(copy, WholeCopy):
            return await self._copying.offload.run(read_whole, await copy.pieces.whole(), self._vendor)
        return copy.reading if copy is not None else None

    def told_so_far(self) -> Reading | None:
        """Return what a stream told so far; a whole answer that was cut told nothing."""
        return self._copy.reading if isinstance(self._copy, StreamCopy) else None

    def close(self) -> None:
        """Let go of the copy."""
        self._copying.held -= self._held
        self._held = 0
        self._copy = None

    def _give_up(self) -> None:
        self._copying.unreadable += 1
        log.warning("passthrough.usage_unreadable", request_id=self._request_id, vendor=self._vendor)
        self.close()
