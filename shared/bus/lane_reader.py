"""The reader's end of reply lanes: one subscription for all of a process's lanes, in order or not at all."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable
from enum import Enum

import msgspec
import structlog
from nats.aio.msg import Msg

from shared.alarms import NEVER
from shared.bus import subjects
from shared.bus.beats import BEAT, LOST_AFTER, SLEPT
from shared.bus.credit import ANSWER_WINDOW, Window, answer_window
from shared.bus.envelope import BadEnvelope, Envelope
from shared.bus.observed import observe_lanes
from shared.bus.worker import Worker
from shared.errors import BrokenStream, TollwayError, Unavailable, WorkerLost
from shared.schemas.frames import Bundle, FrameHeader, Grants, Holds, Sent

log = structlog.get_logger(__name__)

_frames = Envelope(FrameHeader)
_bundles = Envelope(Bundle)
_holds = msgspec.json.Decoder(Holds).decode
_encode = msgspec.json.Encoder().encode


class Silence(Enum):
    """What a lane's silence means."""

    NONE = "none"
    UNSENT = "unsent"
    """Nobody is heard who holds the request, and no provider was called: it may be repeated."""
    SENT = "sent"
    """Whoever holds the request fell silent after a provider may have been called."""


class HolderLost(WorkerLost):
    """The worker that held a request fell silent."""

    def __init__(self, silence: Silence, sent: Sent | None = None) -> None:
        super().__init__("the worker that handled this request stopped answering", retry_after=1)
        self.repeatable = silence is Silence.UNSENT
        self.sent = sent
        """What is known of the provider call that its worker began, if one was begun."""


class Lane:
    """One answer as it arrives. `next()` gives its frames, then raises if the lane broke."""

    __slots__ = (
        "_alarm",
        "_failure",
        "_frames",
        "_lanes",
        "_sink",
        "_waiter",
        "began",
        "doubtful",
        "expected",
        "heard",
        "sent",
        "token",
        "window",
        "worker",
    )

    def __init__(self, lanes: "Lanes", token: str, window: int) -> None:
        self._lanes = lanes
        self.token = token
        self.window = Window(window)
        self._frames: deque[tuple[FrameHeader, bytes]] = deque()
        self._failure: TollwayError | None = None
        self._sink: Callable[[bytes], bool] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._alarm = lanes.alarms.add(NEVER, self._wake)
        self.expected = 0
        self.worker = ""
        self.began = self.heard = time.monotonic()
        self.sent: Sent | None = None
        self.doubtful = False
        """True when notices may have been missed, so that silence no longer proves that nothing was sent."""

    async def next(self, timeout: float) -> tuple[FrameHeader, bytes] | None:
        """Return the next frame, or None when none came within `timeout` seconds.

        Raises `BrokenStream` after a gap and `HolderLost` after silence.
        """
        if not self._frames:
            if self._failure is not None:
                raise self._failure
            self._waiter = asyncio.get_running_loop().create_future()
            self._alarm.when = time.monotonic() + timeout
            try:
                await self._waiter
            finally:
                self._alarm.when = NEVER
                self._waiter = None
        if self._frames:
            return self._frames.popleft()
        if self._failure is not None:
            raise self._failure
        return None

    def pour_into(self, sink: Callable[[bytes], bool] | None) -> None:
        """Have data go to `sink` as it comes, which spares the reader's task from being woken for each frame.

        What it takes counts as consumed. What it does not take (False), and every frame that is more than data, waits
        for `next()`, as does whatever comes behind it. Nothing goes there once the lane broke.
        """
        self._sink = sink

    def take_ready(self) -> tuple[FrameHeader, bytes] | None:
        """Return a frame that is here already, or None."""
        return self._frames.popleft() if self._frames else None

    def consumed(self, size: int) -> None:
        """Say that so many bytes went on to the client; grants the producer more when it is time."""
        total = self.window.consume(size)
        if total is not None and self.worker:
            self._lanes.grant(self.worker, {self.token: total})

    def deliver(self, header: FrameHeader, data: bytes) -> None:
        """Take a frame from the bus."""
        self.heard = time.monotonic()
        if header.worker:
            self.worker = header.worker
        if header.q < self.expected:
            return
        if header.q > self.expected:
            self._lanes.gaps += 1
            self.fail(BrokenStream("part of the answer was lost on its way; it is not complete"))
            return
        self.expected += 1
        if self._sink is not None and not self._frames and header.is_data and self._poured(data):
            return
        self._frames.append((header, data))
        self._wake()

    def _poured(self, data: bytes) -> bool:
        if self._sink is None or self._failure is not None or not self._sink(data):
            return False
        try:
            self.consumed(len(data))
        except TollwayError as error:
            self.fail(error)
        return True

    def hold(self, worker: str, sent: Sent | None = None) -> None:
        """Note that a worker has the request in hand, and whether it is about to call a provider."""
        self.heard = time.monotonic()
        self.sent = sent or self.sent
        self.worker = worker

    def silence(self, now: float) -> Silence:
        """Tell what it means that nothing was heard for so long."""
        if now - self.heard < LOST_AFTER:
            return Silence.NONE
        return Silence.SENT if self.sent or self.expected or self.doubtful else Silence.UNSENT

    @property
    def alive(self) -> bool:
        """False once the lane broke."""
        return self._failure is None

    def fail(self, error: TollwayError) -> None:
        """Break the lane: frames that are here are still read, then `next()` raises."""
        self._failure = self._failure or error
        self._wake()

    def close(self) -> None:
        """Read no more."""
        self._sink = None
        self._lanes.alarms.drop(self._alarm)
        self._lanes.drop(self)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _ignore(_: str) -> None:
    return None


class Lanes:
    """All lanes that this process reads."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.alarms = worker.alarms
        self.prefix = subjects.reader(worker.service, worker.id)
        self._open: dict[str, Lane] = {}
        self._ticked = time.monotonic()
        self._judging: asyncio.Task[None] | None = None
        self.gaps = 0
        self.lost = 0
        self.on_admitted: Callable[[str], None] = _ignore
        """Called with each request whose admission nobody waited for any more."""

    def __len__(self) -> int:
        return len(self._open)

    async def start(self) -> None:
        """Subscribe; frames can arrive after the next barrier."""
        await self._worker.bus.subscribe(f"{self.prefix}.*", self._receive)
        self._worker.on_beat.append(self._tick)
        self._worker.bus.on_reconnect(self._doubt)
        observe_lanes(self._worker.metrics, self)

    def subject(self, token: str) -> str:
        """Return the subject of a lane, for the request's context."""
        return f"{self.prefix}.{token}"

    def window(self, most: int = ANSWER_WINDOW) -> int:
        """Return the window in bytes for one more answer, at most `most`."""
        return answer_window(len(self._open), most)

    def open(self, token: str, window: int) -> Lane:
        """Open a lane; `window` is the credit in bytes that the context tells the producer."""
        lane = self._open[token] = Lane(self, token, window)
        return lane

    def drop(self, lane: Lane) -> None:
        """Forget a lane."""
        self._open.pop(lane.token, None)

    def grant(self, worker: str, credit: dict[str, int]) -> None:
        """Tell a worker its lanes' running totals."""
        self._worker.bus.publish(subjects.worker_lane(worker), _encode(Grants(self.prefix, credit)))

    def fail_all(self, error: TollwayError) -> None:
        """Break every open lane, when this process stops before they ended."""
        for lane in list(self._open.values()):
            lane.fail(error)

    def _receive(self, message: Msg) -> None:
        token = message.subject.rpartition(".")[2]
        if token == subjects.HOLDS:
            self._receive_holds(message.data)
            return
        if token == subjects.FRAMES:
            self._receive_bundle(message.data)
            return
        if token == subjects.MAY_SEND:
            self._answer_may_send(message)
            return
        lane = self._open.get(token)
        if lane is None:
            return
        try:
            header, data = _frames.split(message.data)
        except BadEnvelope as error:
            log.error("lane.bad_frame", error=str(error))
            lane.fail(BrokenStream("the answer was damaged on its way"))
            return
        lane.deliver(header, data)

    def _receive_bundle(self, message: bytes) -> None:
        try:
            bundle, data = _bundles.split(message)
        except BadEnvelope as error:
            # The lanes in it see the gap.
            log.error("lane.bad_bundle", error=str(error))
            return
        start = 0
        for token, number, size in bundle.frames:
            lane = self._open.get(token)
            if lane is not None:
                lane.deliver(FrameHeader(number), data[start : start + size])
            start += size

    def _receive_holds(self, data: bytes) -> None:
        holds = _holds(data)
        for token in holds.lanes:
            if (lane := self._open.get(token)) is not None:
                lane.hold(holds.worker)
        for sent in holds.sent:
            if (lane := self._open.get(sent.token)) is not None:
                lane.hold(holds.worker, sent)
        for id in holds.admitted:
            self.on_admitted(id)

    def _answer_may_send(self, message: Msg) -> None:
        """A worker that is late asks before it calls a provider; a request that was repeated has another lane."""
        lane = self._open.get(message.data.decode())
        if lane is not None:
            lane.doubtful = True
        self._worker.bus.publish(message.reply, b"yes" if lane is not None and lane.alive else b"no")

    async def _doubt(self) -> None:
        """After a reconnect, or a pause of this process itself: notices may be lost, so nothing is repeated."""
        now = time.monotonic()
        for lane in self._open.values():
            lane.doubtful = True
            lane.heard = now

    def _tick(self, now: float) -> None:
        """Beat to everybody who answers here, with the credit so far; break the lanes that fell silent."""
        paused = now - self._ticked > SLEPT
        self._ticked = now
        if paused or not self._worker.responsive:
            for lane in self._open.values():
                lane.doubtful = True
                lane.heard = now if paused else lane.heard
        credit: dict[str, dict[str, int]] = defaultdict(dict)
        for lane in list(self._open.values()):
            silence = lane.silence(now)
            if silence is Silence.SENT:
                self._give_up(lane, silence)
            elif silence is Silence.NONE and lane.worker and now - lane.began >= BEAT / 2:
                credit[lane.worker][lane.token] = lane.window.granted
            elif silence is Silence.UNSENT and self._judging is None:
                self._judging = asyncio.ensure_future(self._judge_again())
                self._judging.add_done_callback(self._judged)
        for worker, totals in credit.items():
            self.grant(worker, totals)

    async def _judge_again(self) -> None:
        """Before a request is repeated, read everything that the broker had for this process.

        Where the broker does not answer, a notice may be on its way still, and nothing is repeated.
        """
        try:
            async with asyncio.timeout(BEAT):
                await self._worker.bus.barrier()
        except (Unavailable, TimeoutError):
            for lane in self._open.values():
                lane.doubtful = True
        now = time.monotonic()
        for lane in list(self._open.values()):
            silence = lane.silence(now)
            if silence is not Silence.NONE:
                self._give_up(lane, silence)

    def _judged(self, _: "asyncio.Task[None]") -> None:
        self._judging = None

    def _give_up(self, lane: Lane, silence: Silence) -> None:
        if lane.alive:
            self.lost += 1
        lane.fail(HolderLost(silence, lane.sent))
