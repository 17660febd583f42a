"""Consumes events through FastStream, with its and nats-py's traps defused.

FastStream owns the subscriber, its handler, its draining and its AsyncAPI document. Its loop of pulls is replaced:
it spins while JetStream does not answer, and asks again for every time window. And messages in work are kept
from redelivery for as long as the handler works on them.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from shared.bus import subjects
from shared.bus.connection import Bus, BusUnavailable
from shared.bus.event_broker import BATCH, EventBroker, batches

log = structlog.get_logger(__name__)

ACK_WAIT = 10.0
"""Seconds after which an event of a dead worker goes to another one."""

PROGRESS = ACK_WAIT / 3
"""Seconds between signs that an event is still in work."""

IDLE = 5.0
"""Seconds that one question for the next event stands."""

GATHER = 0.2
"""Seconds that events are gathered for after the first one came, unless a batch waits: a write costs billing 4 ms,
however little it holds."""

AT_HAND = 0.02
"""Seconds that a fetch of what is at hand may take."""

IN_HAND = 2000
"""Messages that all workers together may have in hand."""


class Event:
    """One message of the event stream, in this worker's hand until it is settled."""

    __slots__ = ("_message", "data", "deliveries", "pending", "sequence")

    def __init__(self, message: Msg) -> None:
        self._message = message
        metadata = message.metadata
        self.data: bytes = message.data
        self.sequence: int = metadata.sequence.stream
        """Its number in the stream."""
        self.deliveries: int = metadata.num_delivered or 1
        """1 the first time."""
        self.pending: int = metadata.num_pending or 0
        """Messages behind it when it was sent."""

    @property
    def settled(self) -> bool:
        """True once it was acknowledged, handed back or rejected."""
        return bool(self._message._ackd)

    async def ack(self) -> None:
        """Say that it is done: a work queue forgets it."""
        await self._message.ack()

    async def nack(self, delay: float) -> None:
        """Hand it back; somebody gets it again after `delay` seconds."""
        await self._message.nak(delay=delay)

    async def reject(self) -> None:
        """Say that no retry will help: it is never delivered again."""
        await self._message.term()


Handle = Callable[[list[Event]], Awaitable[None]]


class EventConsumer:
    """A durable consumer of one subject, shared by all workers of a service."""

    def __init__(
        self,
        bus: Bus,
        *,
        durable: str,
        subject: str = subjects.COMPLETION_FINISHED,
        stream: str = subjects.EVENT_STREAM,
        drain_seconds: float = 30.0,
    ) -> None:
        self._bus = bus
        self._handle: Handle | None = None
        self._stream = stream
        self._fetched: list[Msg] = []
        self._config = ConsumerConfig(
            durable_name=durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_deliver=-1,
            max_ack_pending=IN_HAND,
            filter_subject=subject,
        )
        client = bus._client
        self._broker = EventBroker(client, drain_seconds)
        inbox = bytes(client._inbox_prefix) + b"."
        self._subscriber = batches(self._broker, stream, subject, self._config, inbox)
        self._subscriber(self._take)
        self._subscriber._consume_pull = self._pull  # type: ignore[method-assign]

    @property
    def running(self) -> bool:
        """True while events are taken."""
        return bool(self._subscriber.running)

    async def start(self, handle: Handle) -> None:
        """Make the consumer, or bring it up to date, and give its events to `handle`; raise `BusUnavailable`."""
        self._handle = handle
        try:
            await self._bus.jetstream.add_consumer(self._stream, self._config)
            await self._broker.start()
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable(f"the consumer of {self._stream} cannot be made: {error}") from error

    async def stop(self) -> None:
        """Take no more events, let the handler end, and hand back what it did not get."""
        await self._broker.stop()
        for message in self._fetched:
            if not message._ackd:
                with contextlib.suppress(nats.errors.Error):
                    await message.nak()

    async def dead_letter(self, payload: bytes, *, id: str, reason: str, detail: str) -> None:
        """Store what no retry can process, once per `id`; raise `BusUnavailable` when JetStream does not take it."""
        headers = {"Nats-Msg-Id": id, "Tollway-Reason": reason, "Tollway-Detail": _one_line(detail)}
        try:
            await self._broker.publish(
                payload, subjects.DEAD_COMPLETION, headers=headers, stream=subjects.DEAD_LETTER_STREAM, timeout=5
            )
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable("the dead-letter stream does not answer", retry_after=1) from error

    async def _take(self, messages: list[Msg]) -> None:
        assert self._handle is not None  # noqa: S101 - set by start
        progress = asyncio.create_task(_keep(messages))
        try:
            await self._handle([Event(message) for message in messages])
        except Exception:
            log.exception("consumer.handler_failed", messages=len(messages))
        finally:
            progress.cancel()

    async def _pull(self) -> None:
        """Stand in for FastStream's own loop: one question at a time, and a pause where there is no answer."""
        while self._subscriber.running:
            self._fetched = await self._fetch()
            if self._fetched and self._subscriber.running:
                await self._subscriber.consume(self._fetched)
                self._fetched = []

    async def _fetch(self) -> list[Msg]:
        subscription = self._subscriber.subscription
        if subscription is None or not self._bus.connected:
            await asyncio.sleep(0.2)
            return []
        asked = time.monotonic()
        try:
            # A fetch of many at once would end with the first of them that comes late.
            self._fetched = await subscription.fetch(1, timeout=IDLE)
        except TimeoutError:
            if time.monotonic() - asked < IDLE / 2:
                await asyncio.sleep(0.5)  # Without a leader, or without JetStream, the refusal comes at once.
            return []
        except (nats.errors.Error, OSError) as error:
            log.warning("consumer.fetch_failed", error=type(error).__name__, detail=str(error))
            await asyncio.sleep(1)
            await self._make_again()
            return []
        if (self._fetched[0].metadata.num_pending or 0) < BATCH:
            await asyncio.sleep(GATHER)
        with contextlib.suppress(TimeoutError, nats.errors.Error, OSError):
            self._fetched += await subscription.fetch(BATCH - 1, timeout=AT_HAND)
        return self._fetched

    async def _make_again(self) -> None:
        with contextlib.suppress(TimeoutError, nats.errors.Error, OSError):
            await self._bus.jetstream.add_consumer(self._stream, self._config)


async def _keep(messages: list[Msg]) -> None:
    """Keep messages in work from being delivered to somebody else."""
    while True:
        await asyncio.sleep(PROGRESS)
        for message in messages:
            if not message._ackd:
                with contextlib.suppress(nats.errors.Error, OSError):
                    await message.in_progress()


def _one_line(text: str) -> str:
    """Return a text that can stand in a header."""
    return " ".join(text.split()).encode("ascii", "replace").decode()[:500]
