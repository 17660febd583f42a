"""A process's presence on the bus: its beats, whom it hears, what is cancelled, the lanes it answers on."""

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import Callable

import msgspec
import structlog
from nats.aio.msg import Msg

from shared.alarms import Alarms
from shared.bus import subjects
from shared.bus.beats import BEAT, LOST_AFTER, SLEPT
from shared.bus.cancellations import Cancellations
from shared.bus.connection import Bus
from shared.bus.gathering import Gathering
from shared.bus.lane_writer import ReplyLane
from shared.bus.membership import FRESH, Membership
from shared.bus.observed import observe_worker
from shared.bus.scrape import ScrapeResponder
from shared.errors import Unavailable
from shared.schemas.control import Beat, Cancel
from shared.schemas.frames import Grants, Holds, Sent
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_encode = msgspec.json.Encoder().encode
_beat = msgspec.json.Decoder(Beat).decode
_cancel = msgspec.json.Decoder(Cancel).decode
_grants = msgspec.json.Decoder(Grants).decode


def new_worker_id() -> str:
    """Return an id for this process that no other process has or had."""
    return uuid.uuid4().hex[:12]


class Worker:
    """One process of one service on the bus."""

    def __init__(self, bus: Bus, service: str, worker_id: str) -> None:
        self.bus = bus
        self.service = service
        self.id = worker_id
        self.address = f"{service}.{worker_id}"
        self.metrics = Metrics()
        self.scrapes = ScrapeResponder(bus, self.metrics, service, worker_id)
        self.members = Membership()
        self.alarms = Alarms()
        self.gathering = Gathering(bus.publish)
        self.cancelled = Cancellations()
        self.lanes: dict[str, ReplyLane] = {}
        """Open reply lanes that this process answers on, by subject."""
        self.cancel_request: list[Callable[[str, int], None]] = []
        self.missing: Callable[[], tuple[str, ...]] = tuple
        """Says what this process cannot serve without right now; part of its beat."""
        self.declarations: Callable[[], str] = str
        """Says what became of the configuration file's objects, in a process that applies them; part of its beat."""
        self.on_beat: list[Callable[[float], None]] = []
        self._began = time.monotonic()
        self._ready = False
        self._stopping = False
        self._ticker: asyncio.Task[None] | None = None
        self._sent: dict[str, list[Sent]] = defaultdict(list)
        self._sent_waiters: list[asyncio.Future[None]] = []

    async def start(self) -> None:
        """Subscribe to the control plane and begin to beat; not ready yet."""
        await self.bus.subscribe(subjects.ALL_BEATS, self._hear_beat)
        await self.bus.subscribe(subjects.HELLO, lambda _: self._beat())
        await self.bus.subscribe(subjects.CANCEL, self._hear_cancel)
        await self.bus.subscribe(subjects.worker_lane(self.address), self._hear_grants)
        await self.scrapes.start()
        observe_worker(self.metrics, self)
        await self.bus.barrier()
        self.members.heard = time.monotonic()
        self.bus.publish(subjects.HELLO, b"")
        self._ticker = asyncio.create_task(self._tick())

    def ready(self) -> None:
        """Say that this process serves from now on. Call it after a barrier."""
        self._ready = True
        self._beat()

    def stopping(self) -> None:
        """Say good-bye: nobody sends requests here any more."""
        self._ready, self._stopping = False, True
        self._beat()

    async def close(self) -> None:
        """Stop beating."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker

    @property
    def responsive(self) -> bool:
        """False while the broker is away or lets nothing through."""
        return self.bus.connected and not self.members.silent(time.monotonic())

    def address_of(self, service: str, *, direct: bool = False) -> str | None:
        """Return the subject for the next request to a service; None when nobody serves it.

        A worker that just began may not have heard everybody's beat yet, and trusts the queue group.
        """
        now = time.monotonic()
        address = self.members.address(service, now, direct=direct)
        if address is None and now - self._began < FRESH:
            return subjects.request(service)
        return address

    def present(self) -> set[str] | None:
        """Return the ids of all workers that were heard of lately, or None when nobody can tell."""
        return self.members.present(time.monotonic())

    def cancel(self, request: str, epoch: int) -> None:
        """Tell everybody that a request is over, here too."""
        self.cancelled.add(request, epoch)
        self.bus.publish(subjects.CANCEL, _encode(Cancel({request: epoch})))

    def announce_sent(self, edge: str, sent: Sent) -> "asyncio.Future[None]":
        """Tell an edge that a request is about to go to a provider.

        The future is done once the notice stands in the socket's buffer, before whatever is written next;
        so an edge that was told nothing may repeat the request. Notices of one loop turn leave together.
        It fails with `Unavailable` while the broker is away: nothing may be sent to a provider then.
        """
        loop = asyncio.get_running_loop()
        if not self._sent_waiters:
            loop.call_soon(self._write_sent)
        # A future for each: whoever is cancelled cancels what it waits for.
        written: asyncio.Future[None] = loop.create_future()
        self._sent[edge].append(sent)
        self._sent_waiters.append(written)
        return written

    def announce_admitted(self, edge: str, id: str) -> None:
        """Tell an edge that a request was admitted when nobody waited for that any more."""
        self._publish_holds(edge, Holds(self.address, admitted=[id]))

    def _write_sent(self) -> None:
        sent, self._sent = self._sent, defaultdict(list)
        waiters, self._sent_waiters = self._sent_waiters, []
        try:
            for edge, notices in sent.items():
                self._publish_holds(edge, Holds(self.address, sent=notices))
            failure = None if self.bus.flush_now() else Unavailable("the message broker cannot be reached")
        except Unavailable as error:
            failure = error
        for waiter in waiters:
            if waiter.done():
                continue
            if failure is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(Unavailable(failure.message, retry_after=1))

    def _publish_holds(self, reader: str, holds: Holds) -> None:
        self.bus.publish(f"{reader}.{subjects.HOLDS}", _encode(holds))

    async def _tick(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(BEAT)
            now = time.monotonic()
            slept, before = now - before > SLEPT, now
            try:
                if slept:
                    self._give_readers_time(now)
                self._beat()
                self._hold(now)
                self.members.forget(now)
                for callback in self.on_beat:
                    callback(now)
            except Exception as error:  # noqa: BLE001 - the heart must go on beating
                log.warning("worker.beat_failed", error=str(error))

    def _give_readers_time(self, now: float) -> None:
        """After a pause of this process itself: what its readers said meanwhile has not been read yet."""
        for lane in self.lanes.values():
            lane.reader_heard = now

    def _beat(self) -> None:
        beat = Beat(self._ready, self._stopping, len(self.lanes), self.missing(), self.declarations())
        self.bus.publish(subjects.beat(self.service, self.id), _encode(beat))

    def _hold(self, now: float) -> None:
        """Beat on the lanes in hand, one message per reader, and give up readers that fell silent."""
        held: dict[str, list[str]] = defaultdict(list)
        for lane in list(self.lanes.values()):
            if now - lane.taken < BEAT:
                continue
            if lane.announced is not None and now - max(lane.announced, lane.reader_heard) > LOST_AFTER:
                log.info("worker.reader_lost", lane=lane.token)
                lane.reader_gone()
                continue
            if lane.announced is None:
                lane.announced = now
            held[lane.reader].append(lane.token)
        for reader, tokens in held.items():
            self._publish_holds(reader, Holds(self.address, tokens))

    def _hear_beat(self, message: Msg) -> None:
        _, _, _, service, worker = message.subject.split(".")
        beat = _beat(message.data)
        if beat.stopping:
            self.members.leave(service, worker, time.monotonic())
            return
        self.members.beat(
            service,
            worker,
            time.monotonic(),
            ready=beat.ready,
            in_hand=beat.in_hand,
            missing=beat.missing,
            declarations=beat.declarations,
        )

    def _hear_cancel(self, message: Msg) -> None:
        for request, epoch in _cancel(message.data).requests.items():
            self.cancelled.add(request, epoch)
            for callback in self.cancel_request:
                callback(request, epoch)

    def _hear_grants(self, message: Msg) -> None:
        grants = _grants(message.data)
        now = time.monotonic()
        for token, total in grants.credit.items():
            lane = self.lanes.get(f"{grants.reader}.{token}")
            if lane is not None:
                lane.reader_heard = now
                lane.grant(total)
