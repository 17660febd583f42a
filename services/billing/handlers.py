"""Turns completion events into ledger documents, and acknowledges what is written."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Protocol

import structlog

from services.billing.domain.reading import Flaw, Reading, read
from shared.bus.connection import BusUnavailable
from shared.bus.consumer import Event
from shared.bus.limits import LimiterClient
from shared.errors import Unavailable
from shared.schemas.events import Completion, encode_completion
from shared.store.connection import StoreUnavailable
from shared.store.ledger import Ledger, Unwritable
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 500
"""Completions written by one transaction, which the embedded store must hold in its cache until it commits: with
2,000 it could stand still for good, its cache full of what it was about to write (docs/adr/0005-embedded-store.md)."""

HANDED_BACK = 1.0
"""Seconds until events come again that could not be written."""

LONGEST_PAUSE = 2.0
"""Seconds between two looks whether the database is back."""

SETTLED_WITHIN = 60.0
"""Seconds after its end within which the limiter is told once more what a request used: whoever had it in hand may
have died before it could. Later the limiter reads the ledger itself."""

Read = tuple[Event, Reading]


class DeadLetter(Protocol):
    """Stores what no retry can write; `shared.bus.consumer.EventConsumer.dead_letter`."""

    def __call__(self, payload: bytes, *, id: str, reason: str, detail: str) -> Awaitable[None]:
        """Raise `BusUnavailable` when it is not stored."""
        ...


class Billing:
    """The handler of completion events, and what it counts."""

    def __init__(
        self,
        ledger: Ledger,
        ping: Callable[[], Awaitable[None]],
        dead_letter: DeadLetter,
        limiter: LimiterClient,
        metrics: Metrics,
    ) -> None:
        self._ledger = ledger
        self._limiter = limiter
        self._ping = ping
        self._dead_letter = dead_letter
        self._metrics = metrics
        self._stopping = asyncio.Event()
        self._available = False
        self.written = 0
        """Ledger documents that are new or changed."""
        self.dead_letters = 0
        self.redelivered = 0
        """Messages that came more than once."""
        self.behind = 0
        """Messages that no worker had taken when the last one came."""

    def missing(self) -> tuple[str, ...]:
        """Return what cannot be served without."""
        return () if self._available else ("database",)

    @property
    def stopping(self) -> bool:
        """True once this worker is to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Wait for the database no longer."""
        self._stopping.set()

    async def available(self) -> None:
        """Return once the database answers, or this worker is to stop."""
        pause = 0.1
        while not self.stopping:
            try:
                await self._ping()
            except StoreUnavailable:
                self._available = False
            else:
                self._available = True
                return
            await self.rest(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def handle(self, events: list[Event]) -> None:
        """Write what the events hold. Where that cannot be done now, hand them back and pause."""
        self.redelivered += sum(event.deliveries > 1 for event in events)
        self.behind = events[-1].pending
        try:
            for group in _grouped(events):
                await self._settle(group)
        except Unavailable as error:
            log.warning("billing.paused", reason=error.message)
            for event in events:
                if not event.settled:
                    await event.nack(HANDED_BACK)
            if isinstance(error, BusUnavailable):
                await self.rest(HANDED_BACK)
            await self.available()

    async def _settle(self, group: list[Read]) -> None:
        await self._write([completion for _, reading in group for completion in reading.completions])
        for event, reading in group:
            for number, flaw in enumerate(reading.flaws):
                await self._bury(flaw, f"{event.sequence}-{number}")
            if reading.completions:
                await event.ack()
            else:
                await event.reject()

    async def _write(self, completions: list[Completion]) -> None:
        """Write completions; halve a batch that the store refuses until the one it refuses is alone."""
        try:
            written = await self._ledger.write(completions)
        except Unwritable as error:
            if len(completions) == 1:
                flaw = Flaw(encode_completion(completions[0]), "unwritable", error.message)
                await self._bury(flaw, f"request-{completions[0].request_id}")
                return
            middle = len(completions) // 2
            await self._write(completions[:middle])
            await self._write(completions[middle:])
            return
        self._available = True
        self.written += written
        self._metrics.ledger_written(written)
        now = time.time()
        for completion in completions:
            lag = now - completion.ended
            self._metrics.ledger_lag(max(0.0, lag))
            if lag < SETTLED_WITHIN:
                self._limiter.settle_for(completion)

    async def _bury(self, flaw: Flaw, id: str) -> None:
        log.error("billing.dead_letter", reason=flaw.reason, detail=flaw.detail, bytes=len(flaw.payload))
        await self._dead_letter(flaw.payload, id=id, reason=flaw.reason, detail=flaw.detail)
        self.dead_letters += 1
        self._metrics.dead_letter(flaw.reason)

    async def rest(self, seconds: float) -> None:
        """Wait, or until this worker is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _grouped(events: Iterable[Event]) -> Iterator[list[Read]]:
    """Yield the events, read, in groups of about as many completions as one transaction should write."""
    group: list[Read] = []
    size = 0
    for event in events:
        reading = read(event.data)
        if group and size + len(reading.completions) > MOST_AT_ONCE:
            yield group
            group, size = [], 0
        group.append((event, reading))
        size += len(reading.completions)
    yield group
