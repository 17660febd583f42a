"""Stores events in JetStream: those that are at hand together as one message, acknowledged after its sync.

A completion event must stand on disk before the last byte of its answer leaves. One synced write takes about
half a millisecond, so events that arrive meanwhile share the next one (docs/adr/0004-group-commit.md).
"""

import asyncio
import contextlib
import time
import uuid
from typing import Literal, Protocol

import nats.errors
import structlog

from shared.bus import subjects
from shared.bus.connection import Bus
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

BATCH_EVENTS = 256
BATCH_BYTES = 512 * 1024
"""A batch is one broker message, so it stays well under 1 MiB."""

TRY_SECONDS = 2.0
"""How long one publish waits for its acknowledgement; a repeat has the same `Nats-Msg-Id`, so it counts once."""

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
        self._on_stall = on_stall
        self._stall_seconds = stall_seconds
        self._spool = spool
        self._queue: list[tuple[bytes, asyncio.Future[None]]] = []
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

    async def start(self) -> None:
        """Begin to write."""
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._watch())]

    async def close(self, timeout: float = 10.0) -> None:
        """Write what is queued, for at most `timeout` seconds, and stop."""
        pending: list[asyncio.Future[None]] = [future for _, future in self._queue]
        pending += self._persisting
        if pending:
            await asyncio.wait(pending, timeout=timeout)
        self._tasks += self._persisting
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def store(self, event: bytes) -> "asyncio.Future[None]":
        """Queue one event (a `Completion` as JSON); the future is done when it is safe on disk.

        It fails with `EventsNotStored` when JetStream stalls for longer than the configured bound.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((event, future))
        self._wake.set()
        return future

    def persist(self, event: bytes) -> None:
        """Store an event that nobody waits for: it is tried until JetStream takes it.

        At most `PERSISTING` wait at a time; what comes on top is logged as lost, with a metric.
        """
        if len(self._persisting) >= PERSISTING:
            self.lost += 1
            log.error("events.lost", waiting=len(self._persisting))
            return
        task = asyncio.ensure_future(self._persist(event))
        self._persisting.add(task)
        task.add_done_callback(self._persisting.discard)

    async def _persist(self, event: bytes) -> None:
        while True:
            try:
                await self.store(event)
            except EventsNotStored:
                await asyncio.sleep(1)
            else:
                return

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._take_batch()
            if not batch:
                self._wake.clear()
                continue
            payload = b'{"completions":[' + b",".join(event for event, _ in batch) + b"]}"
            try:
                await self._commit(uuid.uuid4().hex, payload)
            except EventsNotStored as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                        future.exception()
            else:
                self.batches += 1
                self.events += len(batch)
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)

    def _take_batch(self) -> list[tuple[bytes, asyncio.Future[None]]]:
        size = count = 0
        for event, _ in self._queue[:BATCH_EVENTS]:
            size += len(event) + 1
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self._queue = self._queue[:count], self._queue[count:]
        return batch

    async def _commit(self, batch_id: str, payload: bytes) -> None:
        started = time.monotonic()
        while True:
            try:
                await self._publish(batch_id, payload)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                self.stalled = True
                log.warning("events.not_acknowledged", error=type(error).__name__, detail=str(error))
                if self._on_stall == "spool" and self._spool is not None:
                    await self._spool_batch(batch_id, payload)
                    return
                if time.monotonic() - started > self._stall_seconds:
                    raise EventsNotStored(
                        "the answer could not be recorded, so it is not complete", retry_after=2
                    ) from error
                await asyncio.sleep(0.1)
            else:
                self.stalled = False
                return

    async def _spool_batch(self, batch_id: str, payload: bytes) -> None:
        assert self._spool is not None  # noqa: S101 - checked by the caller
        try:
            await self._spool.put(batch_id, payload)
        except OSError as error:
            raise EventsNotStored("the answer could not be recorded anywhere", retry_after=2) from error

    async def _publish(self, batch_id: str, payload: bytes) -> None:
        await self._bus.jetstream.publish(
            subjects.COMPLETION_FINISHED,
            payload,
            timeout=TRY_SECONDS,
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
                if self._spool is not None:
                    await self._empty_spool(self._spool)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                log.warning("events.stream_unknown", error=type(error).__name__)
            await asyncio.sleep(3)

    async def _empty_spool(self, spool: Spool) -> None:
        for batch_id, payload in await asyncio.to_thread(spool.waiting):
            await self._publish(batch_id, payload)
            await asyncio.to_thread(spool.remove, batch_id)
