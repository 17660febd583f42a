"""Hearing of changes: every cache forgets what changed, and nothing is believed after a gap.

Changes are numbered where they are made, in the store. Admin announces each one and repeats the last number
as a clock. A number that is missing, a second without the clock, or a reconnect makes the follower ask the
store for what it missed; until it has, it is not `fresh`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog
from nats.aio.msg import Msg

from shared.bus import subjects
from shared.bus.observed import observe_changes
from shared.bus.worker import Worker
from shared.errors import TollwayError, Unavailable
from shared.schemas.control import Change, Clock

log = structlog.get_logger(__name__)

CLOCK_SECONDS = 0.5
SILENCE_SECONDS = 1.25
"""Without the clock for longer than this, the store is asked instead."""

STORE_SECONDS = 3.0
"""A store that takes longer than this to tell the changes counts as away, until it answers."""

_change = msgspec.json.Decoder(Change).decode
_clock = msgspec.json.Decoder(Clock).decode
_encode = msgspec.json.Encoder().encode


class ChangesTooOld(Exception):
    """The store no longer knows all changes since that number."""


class ChangeSource(Protocol):
    """The store's record of changes."""

    async def latest(self) -> int:
        """Return the number of the last change; raise `Unavailable`."""
        ...

    async def since(self, number: int) -> list[Change]:
        """Return the changes after that number, in order; raise `ChangesTooOld`, `Unavailable`."""
        ...


class ChangeFollower:
    """Keeps a process's caches true."""

    def __init__(
        self,
        worker: Worker,
        source: ChangeSource,
        *,
        on_change: Callable[[Change], None],
        on_reset: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._source = source
        self._on_change = on_change
        self._on_reset = on_reset
        self._number = -1
        self._heard = 0.0
        self._refresh: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._fresh = asyncio.Event()
        self._cut_off = False
        self.generation = 0
        """Raised by every change; an answer of the store that was asked for before it is not to be cached."""
        self.fresh_at = 0.0
        """When the caches were last known to be true (monotonic seconds)."""
        self.gaps = 0
        self.store_away = False
        """True while the store does not answer; what is cached goes on counting, up to its stated age."""

    @property
    def fresh(self) -> bool:
        """False after a gap, while there is no connection, and after it until the store was asked."""
        return self._fresh.is_set()

    async def start(self) -> None:
        """Listen, and read the store's number before anything is cached.

        A store that is away is no reason not to start: nothing is `fresh` until it answers.
        """
        await self._worker.bus.subscribe(subjects.ALL_CHANGES, self._hear_change)
        await self._worker.bus.subscribe(subjects.CLOCK, self._hear_clock)
        await self._worker.bus.barrier()
        self._worker.bus.on_disconnect(self._disconnected)
        self._worker.bus.on_reconnect(self._reconnected)
        await self._try_to_catch_up()
        self._refresh = asyncio.create_task(self._refreshing())
        observe_changes(self._worker.metrics, self)

    async def close(self) -> None:
        """Stop listening to the store."""
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])

    async def wait_fresh(self, timeout: float) -> bool:
        """Wait until the caches are true again; tell whether they are."""
        try:
            async with asyncio.timeout(timeout):
                await self._fresh.wait()
        except TimeoutError:
            return False
        return True

    def _hear_change(self, message: Msg) -> None:
        change = _change(message.data)
        self.generation += 1
        self._on_change(change)
        if change.number == self._number + 1:
            self._number = change.number
        elif change.number > self._number:
            self._gap()

    def _hear_clock(self, message: Msg) -> None:
        self._heard = time.monotonic()
        number = _clock(message.data).number
        if number > self._number:
            self._gap()
        elif self.fresh:
            self.fresh_at = self._heard

    def _gap(self) -> None:
        self.gaps += 1
        self._fresh.clear()
        self._wanted.set()

    def _disconnected(self) -> None:
        self._cut_off = True
        self._fresh.clear()

    async def _reconnected(self) -> None:
        self._cut_off = False
        self._gap()

    def _note_fresh(self) -> None:
        self.fresh_at = time.monotonic()
        self._fresh.set()

    async def _refreshing(self) -> None:
        """Ask the store whenever something may have been missed."""
        while True:
            try:
                async with asyncio.timeout(CLOCK_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                if time.monotonic() - self._heard < SILENCE_SECONDS and self.fresh and not self.store_away:
                    continue
            self._wanted.clear()
            if not await self._try_to_catch_up():
                await asyncio.sleep(CLOCK_SECONDS)

    async def _try_to_catch_up(self) -> bool:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._catch_up()
        except (Unavailable, TimeoutError) as error:
            if not self.store_away:
                log.warning("changes.store_unavailable", error=str(error))
            self.store_away = True
            return False
        self.store_away = False
        return True

    async def _catch_up(self) -> None:
        heard = self.gaps
        try:
            if self._number < 0:
                raise ChangesTooOld(self._number)
            changes = await self._source.since(self._number)
        except ChangesTooOld:
            self._number = await self._source.latest()
            self.generation += 1
            self._on_reset()
            changes = []
        for change in changes:
            self.generation += 1
            self._on_change(change)
            self._number = max(self._number, change.number)
        if self.gaps == heard and not self._cut_off:
            self._note_fresh()


class ChangeAnnouncer:
    """Announces changes, and the clock, from the process that makes them."""

    def __init__(self, worker: Worker, source: ChangeSource) -> None:
        self._worker = worker
        self._source = source
        self._number = 0
        self._ticker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin the clock with the store's number."""
        self._ticker = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Stop the clock."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.wait([self._ticker])

    def announce(self, change: Change) -> None:
        """Tell everybody at once."""
        self._number = max(self._number, change.number)
        self._worker.bus.publish(subjects.change(change.kind), _encode(change))
        self._worker.bus.flush_now()

    async def _tick(self) -> None:
        while True:
            try:
                self._number = max(self._number, await self._source.latest())
                self._worker.bus.publish(subjects.CLOCK, _encode(Clock(self._number)))
            except TollwayError as error:
                log.warning("changes.clock_stopped", error=error.message)
            await asyncio.sleep(CLOCK_SECONDS)
