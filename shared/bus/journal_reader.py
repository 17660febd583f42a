"""Reads the fenced journal of `shared.bus.journal_writer`: from its first entry, and then as it grows."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared.bus import subjects
from shared.bus.connection import Bus
from shared.errors import Unavailable

log = structlog.get_logger(__name__)


HEARTBEAT = 0.5
"""Seconds after which the broker says that there was nothing to say."""

SILENT = 1.75
"""Seconds without a word from the broker after which a reader begins anew where it stands."""


AGAIN_SECONDS = 0.1
"""Pause after a try that failed."""


class _Missed(Exception):
    """Entries between those that were read and the next one are gone."""


class JournalReader:
    """Reads the journal from its first entry and then as it grows; in order and without a gap.

    `on_entry` gets each entry with its sequence number. `on_restart` is called before the first one, and again
    whenever entries were cut away that had not been read: what was read before counts for nothing then.
    """

    def __init__(self, bus: Bus, *, on_entry: Callable[[int, bytes], None], on_restart: Callable[[], None]) -> None:
        self._bus = bus
        self._on_entry = on_entry
        self._on_restart = on_restart
        self._inbox = ""
        self._consumed = 0
        self._again = asyncio.Event()
        self._missed = False
        self._closing = False
        self._failing = False
        self._task: asyncio.Task[None] | None = None
        self._end = -1
        self._heard = 0.0
        self.position = 0
        """The sequence number of the last entry that was read."""
        self.read = 0
        """Entries that were read since the beginning."""
        self.entry_heard = 0.0
        """When the last entry came, or the journal's end was first reached (monotonic seconds)."""

    @property
    def caught_up(self) -> bool:
        """True once everything was read that stood there when the reader began."""
        return self._end >= 0 and self.position >= self._end

    @property
    def hearing(self) -> bool:
        """False while the broker says nothing, so that silence of whoever writes proves nothing."""
        return time.monotonic() - self._heard < HEARTBEAT * 2

    def start(self) -> None:
        """Begin to read, anew after `close`."""
        self._end = -1
        self._closing = False
        self._task = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Read no more."""
        task, self._task = self._task, None
        # A cancellation that comes together with an answer is lost in asyncio.wait_for, which nats-py uses.
        self._closing = True
        self._again.set()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _read(self) -> None:
        beginning = True
        while not self._closing:
            try:
                if beginning:
                    self._on_restart()
                    self.position, self.read, self._end = 0, 0, -1
                beginning = False
                await self._follow()
            except _Missed:
                beginning = True
            except (nats.errors.Error, OSError, TimeoutError, Unavailable) as error:
                self._note_failure(error)
                await asyncio.sleep(AGAIN_SECONDS)

    def _note_failure(self, error: Exception) -> None:
        """Say it once, however often it is tried again."""
        if not self._failing:
            log.warning("journal.not_read", error=type(error).__name__, detail=str(error))
        self._failing = True

    async def _follow(self) -> None:
        """Read from where the reader stands until the broker falls silent or a message was lost."""
        self._inbox = self._bus.new_inbox()
        if not self._closing:
            self._again.clear()
        self._consumed, self._missed = 0, False
        subscription = await self._bus.subscribe(self._inbox, self._receive)
        name = f"reader-{self._inbox.rpartition('.')[2]}"
        try:
            await self._bus.barrier()
            state = (await self._bus.jetstream.stream_info(subjects.LIMIT_STREAM)).state
            if self.position and not state.first_seq - 1 <= self.position <= state.last_seq:
                raise _Missed
            await self._bus.jetstream.add_consumer(subjects.LIMIT_STREAM, self._consumer(name))
            self._heard, self._failing = time.monotonic(), False
            if self._end < 0:
                self._end = state.last_seq
                self.position = self.position or max(0, state.first_seq - 1)
                self.entry_heard = self._heard
            await self._until_silent()
            if self._missed:
                raise _Missed
        finally:
            await subscription.unsubscribe()
            self._drop(name)

    def _consumer(self, name: str) -> ConsumerConfig:
        return ConsumerConfig(
            name=name,
            deliver_subject=self._inbox,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if self.position else DeliverPolicy.ALL,
            opt_start_seq=self.position + 1 if self.position else None,
            ack_policy=AckPolicy.NONE,
            flow_control=True,
            idle_heartbeat=HEARTBEAT,
            inactive_threshold=30,
            mem_storage=True,
            num_replicas=1,
        )

    async def _until_silent(self) -> None:
        while not self._again.is_set():
            left = self._heard + SILENT - time.monotonic()
            if left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._again.wait()

    def _receive(self, message: Msg) -> None:
        self._heard = time.monotonic()
        if message.headers is not None and "Status" in message.headers:
            self._answer_status(message)
            return
        stream, consumer = _sequences(message.reply)
        self._consumed += 1
        if consumer != self._consumed or stream != self.position + 1:
            self._missed = consumer == self._consumed
            self._again.set()
            return
        if self._again.is_set():
            return
        self.position = stream
        self.read += 1
        self.entry_heard = self._heard
        self._on_entry(stream, message.data)

    def _answer_status(self, message: Msg) -> None:
        """Tell the broker to go on, where it wants to know that this reader keeps up; note what it sent so far."""
        headers = message.headers or {}
        asked = message.reply or headers.get("Nats-Consumer-Stalled", "")
        if asked:
            self._bus.publish(asked, b"")
        elif int(headers.get("Nats-Last-Consumer", self._consumed)) != self._consumed:
            self._again.set()

    def _drop(self, name: str) -> None:
        """Tell the broker that the consumer is not needed; without a word it would go 30 s later."""
        with contextlib.suppress(Unavailable):
            self._bus.publish(f"$JS.API.CONSUMER.DELETE.{subjects.LIMIT_STREAM}.{name}", b"")


def _sequences(reply: str) -> tuple[int, int]:
    """Return an entry's number in the stream and its number among those sent to this reader."""
    tokens = reply.split(".")
    at = 5 if len(tokens) == 9 else 7
    return int(tokens[at]), int(tokens[at + 1])
