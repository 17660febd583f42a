"""A fenced journal on JetStream: one writer at a time, whoever wrote last, and any number of readers.

An entry is stored only right behind the entry that its writer saw last (`Nats-Expected-Last-Sequence`). So a writer
that was deposed while it slept finds that out before anybody believes it, and a claim to write is an entry like any
other (docs/adr/0011-limiter.md).
"""

import asyncio
import time
from collections.abc import Callable

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.alarms import NEVER, Alarms
from shared.bus import subjects
from shared.bus.connection import Bus
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

TRY_SECONDS = 1.0
"""How long an entry waits for its acknowledgement before it is looked whether it is stored."""

AGAIN_SECONDS = 0.1
"""Pause between two looks."""

WRONG_LAST_SEQUENCE = 10071
"""JetStream's error code for an entry whose place is taken."""


class _Refusal(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    error: _Refusal | None = None


_ack = msgspec.json.Decoder(_Ack).decode


class JournalWriter:
    """Appends entries, one at a time, each right behind the last.

    `stored` is called once an entry is on disk; `deposed` once somebody else wrote in its place. Where that cannot
    be told, because the broker is away, neither is called until it can be told.
    """

    def __init__(self, bus: Bus, alarms: Alarms, *, deposed: Callable[[], None]) -> None:
        self._bus = bus
        self._alarms = alarms
        self._deposed = deposed
        self._inbox = bus.new_inbox()
        self._subscription: Subscription | None = None
        self._alarm = alarms.add(NEVER, self._late)
        self._entry = b""
        self._stored: Callable[[int], None] | None = None
        self._tries = 0
        self._looking: asyncio.Task[None] | None = None
        self._last = 0
        self._appended = 0.0
        self.seconds = 0.0
        """How long the last entry took to be stored."""

    async def start(self) -> None:
        """Hear acknowledgements."""
        self._subscription = await self._bus.subscribe(f"{self._inbox}.*", self._acknowledged)

    async def close(self) -> None:
        """Append nothing more; nothing is called any more."""
        self._stored = None
        self._alarms.drop(self._alarm)
        if self._looking is not None:
            self._looking.cancel()
        if self._subscription is not None:
            await self._subscription.unsubscribe()

    @property
    def busy(self) -> bool:
        """True while an entry is on its way."""
        return self._stored is not None

    def append(self, entry: bytes, after: int, stored: Callable[[int], None]) -> None:
        """Store an entry right behind the sequence number `after`; `stored` gets its own."""
        assert self._stored is None, "one entry at a time"  # noqa: S101 - a fault of the caller's
        self._entry, self._last, self._stored, self._tries = entry, after, stored, 0
        self._appended = time.monotonic()
        self._try()

    def _try(self) -> None:
        self._tries += 1
        self._alarm.when = time.monotonic() + TRY_SECONDS
        try:
            self._bus.publish_with(
                subjects.LIMIT_JOURNAL,
                self._entry,
                reply=f"{self._inbox}.{self._last}",
                headers=f"Nats-Expected-Last-Sequence: {self._last}",
            )
        except Unavailable as error:
            log.warning("journal.not_sent", reason=error.message)

    def _acknowledged(self, message: Msg) -> None:
        if self._stored is None or message.subject.rpartition(".")[2] != str(self._last):
            return
        # Without a stream that listens, the broker itself answers with nothing but a status.
        ack = _ack(message.data) if message.data else _Ack(error=_Refusal(description="JetStream does not answer"))
        if ack.error is None:
            self._done(ack.seq)
        elif ack.error.err_code == WRONG_LAST_SEQUENCE and self._tries == 1:
            self._lose()
        else:
            if ack.error.err_code != WRONG_LAST_SEQUENCE:
                log.warning("journal.refused", code=ack.error.err_code, reason=ack.error.description)
            self._late()

    def _done(self, sequence: int) -> None:
        stored, self._stored = self._stored, None
        self._alarm.when = NEVER
        self.seconds = time.monotonic() - self._appended
        if stored is not None:
            stored(sequence)

    def _lose(self) -> None:
        self._stored = None
        self._alarm.when = NEVER
        self._deposed()

    def _late(self) -> None:
        self._alarm.when = NEVER
        if self._stored is not None and self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
            self._looking.add_done_callback(self._looked)

    def _looked(self, _: "asyncio.Task[None]") -> None:
        self._looking = None

    async def _look(self) -> None:
        """Find out whether the entry is stored; if nothing stands in its place, try again."""
        told = False
        while self._stored is not None:
            await asyncio.sleep(AGAIN_SECONDS)
            try:
                found = await self._found()
            except nats.js.errors.NotFoundError:
                continue
            except (nats.errors.Error, OSError, TimeoutError) as error:
                if not told:
                    log.warning("journal.unknown", error=type(error).__name__)
                told = True
                continue
            if self._stored is None:
                return
            if found is None:
                self._try()
            elif found == self._entry:
                self._done(self._last + 1)
            else:
                self._lose()
            return

    async def _found(self) -> bytes | None:
        """Return what stands where the entry was to stand; None for nothing, nothing in it for what was cut away."""
        state = (await self._bus.jetstream.stream_info(subjects.LIMIT_STREAM)).state
        place = self._last + 1
        if state.last_seq == self._last:
            return None
        if not state.first_seq <= place <= state.last_seq:
            return b""
        return (await self._bus.jetstream.get_msg(subjects.LIMIT_STREAM, place)).data or b""


async def cut(bus: Bus, before: int) -> bool:
    """Drop all entries before a sequence number; tell whether that was done."""
    try:
        return bool(await bus.jetstream.purge_stream(subjects.LIMIT_STREAM, seq=before))
    except (nats.errors.Error, OSError, TimeoutError) as error:
        log.warning("journal.not_cut", error=type(error).__name__)
        return False
