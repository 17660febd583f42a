"""Stores events in JetStream: those that are at hand together as one message, acknowledged after its sync.

A completion event must stand on disk before the last byte of its answer leaves. One synced write takes about
half a millisecond, so events that arrive meanwhile share the next one (docs/adr/0004-group-commit.md).
"""

import asyncio
import contextlib
import itertools
import time
import uuid
from collections.abc import Callable
from typing import Literal, Protocol

import nats.errors
import structlog

from shared.bus import subjects
from shared.bus.connection import Bus, MessageTooLarge
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

BATCH_EVENTS = 256
BATCH_BYTES = 512 * 1024
"""A batch is one broker message, so it stays well under 1 MiB."""

TRY_SECONDS = 2.0
"""How long one publish waits for its acknowledgement; a repeat has the same `Nats-Msg-Id`, so it counts once."""

LAST_TRY_SECONDS = 0.25
"""How long a try waits at least, however late it is: JetStream may be back."""

PERSISTING = 20_000
"""Events that may wait for JetStream with nobody waiting for them (cancelled and failed requests)."""

FULL_AT = 0.9
"""Share of the event stream's room at which requests are refused, so that no event finds it full."""


class EventsNotStored(Unavailable):
    """JetStream does not take events; an answer must not be called complete now."""


class Spool(Protocol):
    """A synced local place for batches while JetStream does not answer."""

    async def put(self, batch_id: str, payload: bytes) -> None:
        """Write a batch to disk and sync it."""
        ...

    def waiting(self) -> list[tuple[str, bytes]]:
        """Return some batches, oldest first."""
        ...

    def remove(self, batch_id: str) -> None:
        """Forget a batch that JetStream has."""
        ...


class _Queued:
    """An event in the queue."""

    __slots__ = ("event", "since", "stored")

    def __init__(self, event: bytes, stored: "asyncio.Future[None]", since: float) -> None:
        self.event = event
        self.stored = stored
        self.since = since

    def done(self) -> None:
        if not self.stored.done():
            self.stored.set_result(None)

    def fail(self, error: EventsNotStored) -> None:
        if not self.stored.done():
            self.stored.set_exception(error)
            self.stored.exception()


def _nothing() -> None:
    return None


class EventWriter:
    """The one way to store completion events."""

    def __init__(
        self,
        bus: Bus,
        *,
        on_stall: Literal["wait", "spool"] = "wait",
        stall_seconds: float = 5.0,
        spool: Spool | None = None,
    ) -> None:
        self._bus = bus
        self._stall_seconds = stall_seconds
        self._spool = spool if on_stall == "spool" else None
        self._queue: list[_Queued] = []
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._persisting: set[asyncio.Task[None]] = set()
        self.batches = 0
        self.events = 0
        self.full = False
        """True when the event stream is nearly full; admission stops then."""
        self.stalled = False
        self.lost = 0
        """Events given up because too many waited."""

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def kept(self) -> int:
        """How many events wait with nobody waiting for them."""
        return len(self._persisting)

    async def start(self) -> None:
        """Begin to write."""
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._watch())]

    async def close(self, timeout: float = 10.0) -> None:
        """Write what is queued, for at most `timeout` seconds, and stop."""
        pending: list[asyncio.Future[None]] = [queued.stored for queued in self._queue]
        pending += self._persisting
        if pending:
            _, late = await asyncio.wait(pending, timeout=timeout)
            if late:
                self.lost += len(late)
                log.error("events.lost", waiting=len(late), reason="this process stops and JetStream takes no events")
        self._tasks += self._persisting
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def store(self, event: bytes) -> "asyncio.Future[None]":
        """Queue one event (a `Completion` as JSON); the future is done when it is safe on disk.

        It fails with `EventsNotStored` when JetStream stalls for longer than the configured bound. Raises
        `MessageTooLarge` for an event that no broker message can hold: it would hold up all others for ever.
        """
        if len(event) > BATCH_BYTES:
            raise MessageTooLarge(f"an event of {len(event)} bytes cannot be stored")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Queued(event, future, time.monotonic()))
        self._wake.set()
        return future

    def persist(self, event: bytes, stored: Callable[[], None] = _nothing) -> None:
        """Store an event that nobody waits for: it is tried until JetStream takes it, and then `stored` is called.

        At most `PERSISTING` wait at a time; what comes on top, or fits no message, is logged as lost, with a metric.
        """
        if len(self._persisting) >= PERSISTING or len(event) > BATCH_BYTES:
            self.lost += 1
            log.error("events.lost", waiting=len(self._persisting), bytes=len(event))
            return
        task = asyncio.ensure_future(self._persist(event, stored))
        self._persisting.add(task)
        task.add_done_callback(self._persisting.discard)

    async def _persist(self, event: bytes, stored: Callable[[], None]) -> None:
        while True:
            try:
                await self.store(event)
            except EventsNotStored:
                await asyncio.sleep(1)
            else:
                stored()
                return

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._take_batch()
            if not batch:
                self._wake.clear()
                continue
            payload = b'{"completions":[' + b",".join(queued.event for queued in batch) + b"]}"
            try:
                await self._commit(uuid.uuid4().hex, payload, batch[0].since + self._stall_seconds)
            except EventsNotStored as error:
                for queued in batch:
                    queued.fail(error)
                self._fail_late(error)
            else:
                self.batches += 1
                self.events += len(batch)
                for queued in batch:
                    queued.done()

    def _take_batch(self) -> list["_Queued"]:
        size = count = 0
        for queued in self._queue[:BATCH_EVENTS]:
            size += len(queued.event) + 1
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self._queue = self._queue[:count], self._queue[count:]
        return batch

    def _fail_late(self, error: EventsNotStored) -> None:
        """Fail what has waited behind a batch for as long as an answer may wait; the rest has its own tries."""
        latest = time.monotonic() - self._stall_seconds
        late = sum(1 for _ in itertools.takewhile(lambda queued: queued.since <= latest, self._queue))
        for queued in self._queue[:late]:
            queued.fail(error)
        self._queue = self._queue[late:]

    async def _commit(self, batch_id: str, payload: bytes, until: float) -> None:
        """Try until `until` (monotonic seconds), and once in any case; spool while JetStream is known to stall."""
        while True:
            if self.stalled and self._spool is not None:
                await _put(self._spool, batch_id, payload)
                return
            patience = min(TRY_SECONDS, max(LAST_TRY_SECONDS, until - time.monotonic()))
            try:
                await self._publish(batch_id, payload, patience)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                self.stalled = True
                log.warning("events.not_acknowledged", error=type(error).__name__, detail=str(error))
                if self._spool is not None:
                    continue
                if time.monotonic() >= until:
                    raise EventsNotStored(
                        "the answer could not be recorded, so it is not complete", retry_after=2
                    ) from error
                await asyncio.sleep(0.1)
            else:
                self.stalled = False
                return

    async def _publish(self, batch_id: str, payload: bytes, patience: float = TRY_SECONDS) -> None:
        await self._bus.jetstream.publish(
            subjects.COMPLETION_FINISHED,
            payload,
            timeout=patience,
            stream=subjects.EVENT_STREAM,
            headers={"Nats-Msg-Id": batch_id},
        )

    async def _watch(self) -> None:
        """Every few seconds: how full is the stream, and can the spool be emptied?"""
        while True:
            try:
                info = await self._bus.jetstream.stream_info(subjects.EVENT_STREAM)
                room = info.config.max_bytes or 0
                self.full = room > 0 and info.state.bytes > room * FULL_AT
                self.stalled = False
                if self._spool is not None:
                    await self._empty_spool(self._spool)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                log.warning("events.stream_unknown", error=type(error).__name__)
            await asyncio.sleep(3)

    async def _empty_spool(self, spool: Spool) -> None:
        for batch_id, payload in await asyncio.to_thread(spool.waiting):
            await self._publish(batch_id, payload)
            await asyncio.to_thread(spool.remove, batch_id)


async def _put(spool: Spool, batch_id: str, payload: bytes) -> None:
    try:
        await spool.put(batch_id, payload)
    except OSError as error:
        raise EventsNotStored("the answer could not be recorded anywhere", retry_after=2) from error
