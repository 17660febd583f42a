"""Stands on the way of an answer: reads the router's lane, checks, and writes the edge's (source routing)."""

import asyncio

import msgspec

from services.guardrails.domain.answer_stream import AnswerStream, PassingBytes, Untouched
from services.guardrails.domain.guardrail import Blocked
from services.guardrails.inspection import Inspection
from services.guardrails.verdicts import Verdicts
from shared.bus.lane_reader import HolderLost, Lane, Lanes
from shared.bus.stage import Call
from shared.bus.worker import Worker
from shared.errors import DeadlinePassed, ProviderError
from shared.offload import Pieces
from shared.schemas.context import RequestContext
from shared.schemas.frames import FrameHeader, Opening

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""A whole answer is held until it was checked; a larger one is refused."""

PIECE_BYTES = 16 * 1024
"""Bytes of a stream that are checked before the loop has its turn."""

Frame = tuple[FrameHeader, bytes]


class Relay:
    """Passes answers from the router on to where they were to go."""

    def __init__(self, worker: Worker, lanes: Lanes, inspection: Inspection, verdicts: Verdicts) -> None:
        self._worker = worker
        self._lanes = lanes
        self._inspection = inspection
        self._verdicts = verdicts

    async def answer(self, call: Call, ctx: RequestContext, body: bytes | None) -> None:
        """Send the request on, to be answered here, and pass its answer on as the guardrails allow."""
        window = self._lanes.window()
        lane = self._lanes.open(ctx.token, window)
        routed = msgspec.structs.replace(ctx, lane=self._lanes.subject(ctx.token), credit=window)
        passage = _Passage(self._inspection, call, lane)
        try:
            call.forward("router", routed, body, stay=True)
            passage.upstream_ended = False
            await passage.run()
        except HolderLost:
            # Only the edge knows whether a provider was called, so it decides: our silence tells it.
            passage.upstream_ended = True
            call.lane.close()
        except Blocked as verdict:
            self._verdicts.blocked(ctx.id, "answer", verdict)
            await self._verdicts.book(ctx, verdict)
            raise
        finally:
            lane.close()
            if not passage.upstream_ended and not self._worker.cancelled.covers(ctx.id, ctx.epoch):
                self._worker.cancel(ctx.id, ctx.epoch)


class _Passage:
    """One answer on its way."""

    def __init__(self, inspection: Inspection, call: Call, lane: Lane) -> None:
        self._inspection = inspection
        self._call = call
        self._lane = lane
        self.upstream_ended = True
        """True when the router has nothing more to say, or was never asked."""

    async def run(self) -> None:
        """Pass the answer on, to its end; raises what must end it instead."""
        header, data = await self._next()
        opening = header.open or Opening()
        policy = self._inspection.policy
        if header.error is not None:
            self._call.lane.fail(header.error)
        elif not _is_stream(opening) and policy.post_call:
            await self._whole(opening, header, data)
        else:
            checked = policy.stream if _is_stream(opening) else ()
            stream = AnswerStream(self._call.ctx.dialect, checked) if checked else Untouched()
            await self._stream(stream, opening, header, data)

    async def _stream(self, stream: PassingBytes, opening: Opening, header: FrameHeader, data: bytes) -> None:
        lane = self._call.lane
        lane.open(opening)
        while header.end is None and header.error is None:
            await self._pass(stream, data)
            header, data = await self._gathered()
        await self._pass(stream, data)
        rest = stream.finish()
        if header.end is not None:
            await lane.end(header.end, rest)
        elif header.error is not None:
            if rest:
                await lane.send(rest)
            lane.fail(header.error)

    async def _pass(self, stream: PassingBytes, data: bytes) -> None:
        """Pass bytes on as fast as the edge takes them, and only then let the router send more."""
        for start in range(0, len(data), PIECE_BYTES):
            if start:
                await asyncio.sleep(0)
            passed = stream.feed(data[start : start + PIECE_BYTES])
            if passed:
                await self._call.lane.send(passed)
        self._lane.consumed(len(data))

    async def _whole(self, opening: Opening, header: FrameHeader, data: bytes) -> None:
        body = Pieces()
        body.add(data)
        while header.end is None:
            self._lane.consumed(len(data))
            header, data = await self._next()
            if header.error is not None:
                self._call.lane.fail(header.error)
                return
            body.add(data)
            if body.size > MAX_ANSWER_BYTES:
                raise ProviderError("the provider's answer is too large to be checked")
        checked = await self._inspection.answer(await body.whole(), self._call.ctx.dialect)
        self._call.lane.open(_without_length(opening))
        await self._call.lane.end(header.end, checked)

    async def _gathered(self) -> Frame:
        """Return the next frame, with those joined to it that are here already."""
        header, data = await self._next()
        while len(data) < PIECE_BYTES and not self.upstream_ended:
            frame = self._lane.take_ready()
            if frame is None:
                break
            header, data = self._noted(frame[0]), data + frame[1]
        return header, data

    async def _next(self) -> Frame:
        frame = await self._lane.next(max(0.0, self._call.remaining))
        if frame is None:
            raise DeadlinePassed("the request took longer than its deadline allows")
        return self._noted(frame[0]), frame[1]

    def _noted(self, header: FrameHeader) -> FrameHeader:
        if header.end is not None or header.error is not None:
            self.upstream_ended = True
        return header


def _is_stream(opening: Opening) -> bool:
    return any(
        name.lower() == "content-type" and value.startswith("text/event-stream") for name, value in opening.headers
    )


def _without_length(opening: Opening) -> Opening:
    """The length may have changed; the edge states the one that it sends."""
    kept = tuple((name, value) for name, value in opening.headers if name.lower() != "content-length")
    return msgspec.structs.replace(opening, headers=kept)
