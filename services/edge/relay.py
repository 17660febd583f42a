"""One request's life at the edge: send it off, hand its answer to the client, repeat or cancel it."""

import asyncio
import time
from collections.abc import Callable

import msgspec
import structlog
from aiohttp import web

from services.edge.domain.answers import (
    answer_headers,
    ending_headers,
    error_headers,
    id_headers,
    limit_headers,
    opening_headers,
)
from services.edge.domain.losses import lost_completion
from services.edge.facts import CODE
from services.edge.leases import Leases
from services.edge.short_way import short_way
from shared.bus.beats import SEND_WITHIN
from shared.bus.group_commit import EventWriter
from shared.bus.lane_reader import HolderLost, Lane, Lanes
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.errors import DeadlinePassed, Dialect, ErrorBody, TollwayError, error_event, error_json
from shared.schemas.context import RequestContext
from shared.schemas.events import encode_completion
from shared.schemas.frames import Ending, FrameHeader, Opening

WholeAnswer = Callable[[web.Request, int, dict[str, str], tuple[tuple[str, str], ...], bytes], web.StreamResponse]
"""Makes an answer out of its status, our headers, its producer's headers, and its body."""

log = structlog.get_logger(__name__)

STUCK_SECONDS = 5.0
"""How long past its request's deadline a client may leave the last bytes unread before its connection is cut."""

_OPENING = Opening()

_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LONGEST_END = max(map(len, _EVENT_ENDS))

_PINGS = {"openai": b": ping\n\n", "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n'}


class Relay:
    """Carries one request; a repeat is a second lane under the next epoch."""

    def __init__(
        self,
        worker: Worker,
        sender: Stage,
        lanes: Lanes,
        leases: Leases,
        writer: EventWriter,
        make_whole: WholeAnswer,
        ping_seconds: float,
        id: str,
    ) -> None:
        self._worker = worker
        self._sender = sender
        self._lanes = lanes
        self._leases = leases
        self._lease = leases.begin(id)
        self._writer = writer
        self._make_whole = make_whole
        self._ping_seconds = ping_seconds
        self._finished = False
        self._wrote = 0.0
        """When bytes of the answer last went out, by the monotonic clock."""
        self._last = b"\n\n"
        """The last bytes that went out: enough of them to tell whether an event has ended."""

    async def answer(
        self,
        request: web.Request,
        ctx: RequestContext,
        body: bytes,
        may_repeat: Callable[[], bool] = lambda: True,
    ) -> web.StreamResponse:
        """Return the answer, written; raises a `TollwayError` as long as nothing of it went out.

        `may_repeat` tells whether the body can still be read from its beginning.
        """
        try:
            try:
                return await self._attempt(request, ctx, body)
            except HolderLost as lost:
                self._note_lost(ctx, lost)
                if not lost.repeatable or not may_repeat():
                    raise
                log.info("edge.request_repeated", request_id=ctx.id)
                self._worker.cancel(ctx.id, ctx.epoch)
                ctx = self._again(ctx)
                return await self._attempt(request, ctx, body)
        finally:
            if not self._finished:
                self._worker.cancel(ctx.id, ctx.epoch)
            self._lease.end()

    def _note_lost(self, ctx: RequestContext, lost: HolderLost) -> None:
        """Enter a call whose worker died into the ledger, as an estimate that its real event would replace."""
        if lost.sent is not None:
            completion = lost_completion(ctx, lost.sent, time.time())
            self._writer.persist(encode_completion(completion), lambda: self._leases.settle(completion))

    def _again(self, ctx: RequestContext) -> RequestContext:
        epoch = ctx.epoch + 1
        lane = self._lanes.subject(f"{ctx.id}-{epoch}")
        send_by = time.time() + SEND_WITHIN
        return msgspec.structs.replace(ctx, epoch=epoch, lane=lane, send_by=send_by, direct=True)

    async def _attempt(self, request: web.Request, ctx: RequestContext, body: bytes) -> web.StreamResponse:
        lane = self._lanes.open(ctx.token, ctx.credit)
        try:
            self._sender.forward("auth", ctx, body)
            self._lease.asked()
            header, data = await self._first(lane, ctx)
            self._lease.told(header.admitted)
            if header.error is not None:
                self._finish(lane, None)
                request[CODE] = header.error.code
                return _error_response(header, header.error, ctx)
            if header.end is not None:
                self._finish(lane, header.end)
                return self._whole(request, header, data, ctx)
            return await self._stream(request, ctx, lane, header, data)
        finally:
            self._lease.note(lane)
            lane.close()

    def _finish(self, lane: Lane, ending: Ending | None) -> None:
        """Note the answer's end before its client can know of it, whose next request may need the room at once."""
        self._finished = True
        self._lease.note(lane)
        self._lease.end(ending)

    def _whole(self, request: web.Request, header: FrameHeader, data: bytes, ctx: RequestContext) -> web.StreamResponse:
        opening = header.open or _OPENING
        headers = id_headers(ctx.id, ctx.label) | limit_headers(header.admitted)
        if header.end is not None:
            headers |= ending_headers(header.end, time.time() - ctx.received)
        return self._make_whole(request, opening.status, headers, opening.headers, data)

    async def _first(self, lane: Lane, ctx: RequestContext) -> tuple[FrameHeader, bytes]:
        frame = await lane.next(max(0.0, ctx.deadline - time.time()))
        if frame is None:
            raise DeadlinePassed("the request took longer than its deadline allows")
        return frame

    async def _stream(
        self, request: web.Request, ctx: RequestContext, lane: Lane, header: FrameHeader, data: bytes
    ) -> web.StreamResponse:
        opening = header.open or _OPENING
        ours = id_headers(ctx.id, ctx.label) | limit_headers(header.admitted)
        headers = answer_headers(ours | opening_headers(opening, time.time() - ctx.received), opening.headers)
        response = web.StreamResponse(status=opening.status, headers=headers)
        # Pass-through answers stay as they came: no comment and no event of ours goes in between.
        events = ctx.next != "passthrough" and headers.get("content-type", "").startswith("text/event-stream")
        guard = asyncio.get_running_loop().call_later(ctx.deadline - time.time() + STUCK_SECONDS, _cut, request)
        try:
            await response.prepare(request)
            self._note_written(data)
            await response.write(data)
            if ctx.stream:
                self._worker.metrics.first_token(ctx.route, time.time() - ctx.received)
            lane.consumed(len(data))
            lane.pour_into(short_way(request, response, self._note_written))
            error = await self._to_the_end(response, ctx, lane, events=events)
            lane.pour_into(None)
            if error is not None:
                request[CODE] = error.code
            if error is None:
                await response.write_eof()
            elif events and self._between_events:
                await response.write(error_event(error, ctx.dialect, ctx.id))
                await response.write_eof()
            else:
                # The status is out already, or half of an event: a connection cut short is the only way left to say
                # "not complete".
                _cut(request)
        finally:
            guard.cancel()
        return response

    def _note_written(self, data: bytes) -> None:
        self._wrote = time.monotonic()
        self._last = data if len(data) >= _LONGEST_END else (self._last + data)[-_LONGEST_END:]

    @property
    def _between_events(self) -> bool:
        """Whether something of ours may go out now: in the middle of an event it would become a part of that."""
        return self._last.endswith(_EVENT_ENDS)

    async def _to_the_end(
        self, response: web.StreamResponse, ctx: RequestContext, lane: Lane, *, events: bool
    ) -> ErrorBody | None:
        """Hand on the rest of the answer and return the error that it ended with, if it did."""
        try:
            return await self._body(response, ctx, lane, events=events)
        except TollwayError as broken:
            if isinstance(broken, HolderLost):
                self._note_lost(ctx, broken)
            return broken.to_body()

    async def _body(
        self, response: web.StreamResponse, ctx: RequestContext, lane: Lane, *, events: bool
    ) -> ErrorBody | None:
        while True:
            frame = await lane.next(max(0.0, self._patience(ctx, events=events)))
            if frame is None:
                if time.time() >= ctx.deadline:
                    return DeadlinePassed("the request took longer than its deadline allows").to_body()
                if events and self._patience(ctx, events=True) <= 0:
                    await self._ping(response, ctx)
                continue
            header, data = frame
            if header.error is not None or header.end is not None:
                self._finish(lane, header.end)
            if data:
                self._note_written(data)
                await response.write(data)
                lane.consumed(len(data))
            if header.error is not None:
                return header.error
            if header.end is not None:
                return None

    def _patience(self, ctx: RequestContext, *, events: bool) -> float:
        """Return for how many seconds nothing may come before the deadline, or before a stream's next ping."""
        remaining = ctx.deadline - time.time()
        return min(remaining, self._wrote + self._ping_seconds - time.monotonic()) if events else remaining

    async def _ping(self, response: web.StreamResponse, ctx: RequestContext) -> None:
        self._wrote = time.monotonic()
        if self._between_events:
            await response.write(_PINGS[ctx.dialect])


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _error_response(header: FrameHeader, error: ErrorBody, ctx: RequestContext) -> web.Response:
    dialect: Dialect = ctx.dialect
    return web.Response(
        status=error.status,
        body=error_json(error, dialect, ctx.id),
        content_type="application/json",
        headers=id_headers(ctx.id, ctx.label) | limit_headers(header.admitted) | error_headers(error),
    )
