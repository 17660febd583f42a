"""The one abstraction of the request plane: a stage takes requests, bounded, and passes them on or answers.

A handler either does its work at once and returns None, or returns a coroutine that becomes a task; so a
cached decision costs no task. What it raises becomes a typed error on the request's lane.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.bus import subjects
from shared.bus.bodies import INLINE_BYTES, BodyReader
from shared.bus.envelope import BadEnvelope, Envelope, join
from shared.bus.lane_writer import ReplyLane
from shared.bus.observed import observe_stage
from shared.bus.worker import Worker
from shared.errors import (
    DeadlinePassed,
    InternalError,
    Overloaded,
    TollwayError,
    Unavailable,
)
from shared.schemas.context import BodyRef, RequestContext

log = structlog.get_logger(__name__)

_requests = Envelope(RequestContext)

GOOD_BYE_SECONDS = 0.25
"""How long after its good-bye a worker goes on taking requests by name."""


class Call:
    """One request in a stage's hands."""

    __slots__ = ("_inline", "_stage", "ctx", "lane", "overdue", "task")

    def __init__(self, stage: "Stage", ctx: RequestContext, inline: bytes, lane: ReplyLane) -> None:
        self._stage = stage
        self._inline = inline
        self.ctx = ctx
        self.lane = lane
        self.task: asyncio.Task[None] | None = None
        self.overdue = False

    @property
    def inline(self) -> bytes | None:
        """The body, if it came with the message."""
        return self._inline if self.ctx.body is None else None

    @property
    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.ctx.deadline - time.time()

    def abandon(self) -> None:
        """Stop working on it: nobody is left to answer."""
        if self.task is not None:
            self.task.cancel()

    async def read_body(self) -> bytes:
        """Return the body, fetched from where it is kept if it did not come with the message."""
        if self.ctx.body is None:
            return self._inline
        return await self._stage.bodies.read(self.ctx.body)

    def forward(self, service: str, ctx: RequestContext, body: bytes | None = None, *, stay: bool = False) -> None:
        """Pass the request on to the next stage; this stage is done with it, unless it stays to relay the answer.

        `body` replaces the client's body; it must fit a message, larger ones go by reference in `ctx.body`.
        Raises `Unavailable` when nobody serves that stage, `DeadlinePassed` when it is too late.
        """
        self._stage.forward(service, ctx, self._inline if body is None else body)
        if not stay:
            self.lane.close()


Handler = Callable[[Call], Coroutine[Any, Any, None] | None]


class Stage:
    """Serves `tollway.req.<service>` as one worker of its queue group."""

    def __init__(self, worker: Worker, handler: Handler, *, max_in_hand: int) -> None:
        self._worker = worker
        self._metrics = worker.metrics
        self._handler = handler
        self._max_in_hand = max_in_hand
        self._calls: dict[str, Call] = {}
        self._subscriptions: list[Subscription] = []
        self._named: Subscription | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self.bodies = BodyReader(worker)
        self.shed = 0
        self.expired = 0
        self.handled = 0
        worker.cancel_request.append(self._cancel)
        worker.on_beat.append(self._end_overdue)

    def __len__(self) -> int:
        return len(self._calls)

    async def start(self) -> None:
        """Take requests from the queue group and by name."""
        bus, service = self._worker.bus, self._worker.service
        self._named = await bus.subscribe(subjects.worker_request(service, self._worker.id), self._receive)
        group = await bus.subscribe(subjects.request(service), self._receive, queue=service)
        self._subscriptions.append(group)
        observe_stage(self._metrics, self)

    async def drain(self, limit: float) -> None:
        """Take no new requests, let those in hand end within `limit` seconds, then end them with an error."""
        self._worker.stopping()
        for subscription in self._subscriptions:
            await self._worker.bus.unsubscribe(subscription)
        # Somebody may have addressed this worker by name before it heard the good-bye.
        await asyncio.sleep(min(GOOD_BYE_SECONDS, limit))
        try:
            async with asyncio.timeout(limit):
                await self._idle.wait()
        except TimeoutError:
            for call in list(self._calls.values()):
                call.lane.fail(Unavailable("this gateway is shutting down", retry_after=1).to_body())
                call.abandon()
            await asyncio.sleep(0)
        if self._named is not None:
            await self._worker.bus.unsubscribe(self._named)

    def forward(self, service: str, ctx: RequestContext, body: bytes) -> None:
        """Send a request to another service, by name where its queue group holds a silent worker."""
        if time.time() >= ctx.deadline:
            raise DeadlinePassed("the request's deadline passed before it could be handled")
        subject = self._worker.address_of(service, direct=ctx.direct)
        if subject is None:
            raise Unavailable(f"no {service} worker is running", retry_after=1)
        self._worker.bus.publish(subject, join(ctx, body if ctx.body is None else b""))

    def _receive(self, message: Msg) -> None:
        try:
            ctx, body = _requests.split(message.data)
        except BadEnvelope as error:
            log.error("stage.bad_message", subject=message.subject, error=str(error))
            return
        if time.time() >= ctx.deadline or self._worker.cancelled.covers(ctx.id, ctx.epoch):
            self.expired += 1
            return
        lane = ReplyLane(self._worker, ctx.lane, ctx.credit, ctx.admitted)
        if len(self._calls) >= self._max_in_hand:
            self.shed += 1
            busy = Overloaded("the gateway is at its limit of requests; try again shortly", retry_after=1)
            lane.fail(busy.to_body())
            return
        self._take(Call(self, ctx, body, lane))

    def _take(self, call: Call) -> None:
        self.handled += 1
        started = time.perf_counter()
        try:
            work = self._handler(call)
        except TollwayError as error:
            self._fail(call, error)
            return
        except Exception:  # noqa: BLE001 - a fault of ours must end as an answer, not as a time-out
            self._fault(call)
            return
        if work is None:
            self._metrics.stage_seconds(time.perf_counter() - started)
            return
        token = call.lane.token
        self._calls[token] = call
        self._idle.clear()
        call.task = asyncio.get_running_loop().create_task(self._run(call, work))
        call.task.add_done_callback(lambda _: self._let_go(call, work))
        call.lane.when_reader_gone(call.abandon)

    async def _run(self, call: Call, work: Coroutine[Any, Any, None]) -> None:
        started = time.perf_counter()
        try:
            await work
        except TollwayError as error:
            self._fail(call, error)
        except asyncio.CancelledError:
            if call.overdue:
                self._fail(call, DeadlinePassed("the request took longer than its deadline allows"))
            call.lane.close()
        except Exception:  # noqa: BLE001 - a fault of ours must end as an answer, not as a time-out
            self._fault(call)
        finally:
            self._metrics.stage_seconds(time.perf_counter() - started)

    def _let_go(self, call: Call, work: Coroutine[Any, Any, None]) -> None:
        """Clean up after a task, also after one that was cancelled before its first step and so never ran."""
        work.close()
        call.lane.close()
        self._calls.pop(call.lane.token, None)
        if not self._calls:
            self._idle.set()

    def _end_overdue(self, _: float) -> None:
        """End what is past its deadline, with each beat; a timer for each request would cost more than it tells.

        The edge answers its client at the deadline in any case.
        """
        now = time.time()
        for call in list(self._calls.values()):
            if now >= call.ctx.deadline:
                call.overdue = True
                call.abandon()

    def _fault(self, call: Call) -> None:
        log.exception("stage.fault", request_id=call.ctx.id)
        self._fail(call, InternalError("the gateway failed to handle this request"))

    def _fail(self, call: Call, error: TollwayError) -> None:
        self._metrics.stage_failed(type(error).code)
        try:
            call.lane.fail(error.to_body())
        except Unavailable:
            # Nobody can be told: the broker is away. The edge hears nothing from here and ends the request.
            call.lane.close()

    def _cancel(self, request: str, epoch: int) -> None:
        for call in [self._calls.get(request), self._calls.get(f"{request}-{epoch}")]:
            if call is not None and call.ctx.epoch <= epoch:
                call.abandon()


def with_body(ctx: RequestContext, body: BodyRef | None) -> RequestContext:
    """Return the context with another place for the body."""
    return msgspec.structs.replace(ctx, body=body)


def fits_inline(body: bytes) -> bool:
    """Tell whether a body may travel inside a stage message."""
    return len(body) <= INLINE_BYTES
