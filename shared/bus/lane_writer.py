"""The producer's end of a reply lane: numbered frames, within the credit that the reader gives."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from shared.bus.credit import Allowance, split
from shared.bus.envelope import join
from shared.bus.gathering import BUSY_LANES
from shared.errors import ErrorBody
from shared.schemas.frames import Ending, FrameHeader, Opening
from shared.schemas.limits import Admitted

if TYPE_CHECKING:
    from shared.bus.worker import Worker


class LaneClosed(RuntimeError):
    """Something was sent on a lane after its end; a fault of the caller's."""


class ReplyLane:
    """Answers one request. Every call that may wait for credit is a coroutine; the last one ends the lane."""

    __slots__ = (
        "_allowance",
        "_closed",
        "_gone",
        "_next",
        "_opening",
        "_room",
        "_subject",
        "_worker",
        "admitted",
        "announced",
        "reader",
        "reader_heard",
        "started",
        "taken",
        "token",
    )

    def __init__(self, worker: "Worker", subject: str, credit: int, admitted: Admitted | None = None) -> None:
        self._worker = worker
        self._subject = subject
        self.reader, _, self.token = subject.rpartition(".")
        self._allowance = Allowance(credit)
        self._next = 0
        self._opening: Opening | None = None
        self._room: asyncio.Future[None] | None = None
        self._closed = False
        self._gone: Callable[[], None] | None = None
        self.admitted = admitted
        """Told with the first frame: what the request holds at the limiter."""
        self.started = False
        """True once a byte of the answer, or its status, went out: from then on nothing may be tried again."""
        self.taken = time.monotonic()
        self.announced: float | None = None
        """When the reader could first know who answers it; its silence counts from then."""
        self.reader_heard = 0.0
        worker.lanes[subject] = self

    def when_reader_gone(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the reader has been silent for three beats."""
        self._gone = callback

    def reader_gone(self) -> None:
        """Close the lane and tell whoever answers on it."""
        gone = self._gone
        self.close()
        if gone is not None:
            gone()

    def grant(self, total: int) -> None:
        """Take credit as a running total of bytes."""
        if self._allowance.grant(total) and self._room is not None and not self._room.done():
            self._room.set_result(None)

    def open(self, opening: Opening) -> None:
        """Set status and headers; they leave with the first frame."""
        self._opening = opening

    async def send(self, data: bytes) -> None:
        """Send bytes of the answer, as fast as the reader takes them."""
        for rest in split(data):
            more = True
            while more:
                while self._allowance.exhausted:
                    await self._wait_for_room()
                if self._worker.bus.congested:
                    await self._worker.bus.relief()
                piece, rest = self._allowance.cut(rest)  # noqa: PLW2901 - cut down to nothing
                self._allowance.spend(len(piece))
                self._frame(data=piece)
                more = bool(rest)

    async def end(self, ending: Ending, data: bytes = b"") -> None:
        """Send the last bytes and the proper end; its facts go first where nothing of the answer went out before."""
        pieces = split(data)
        last = next(pieces)
        for piece in pieces:
            if self._next == 0 and self._opening is not None:
                self._opening = msgspec.structs.replace(self._opening, ending=ending)
            await self.send(last)
            last = piece
        while self._allowance.exhausted and self._next > 0 and last:
            await self._wait_for_room()
        self._frame(end=ending, data=last)
        self.close()

    def fail(self, error: ErrorBody) -> None:
        """End the lane with an error; it needs no credit."""
        if not self._closed:
            self._frame(error=error)
            self.close()

    def close(self) -> None:
        """Let go of the lane without a word; for a request that was passed on or whose client is gone."""
        if not self._closed:
            self._closed = True
            self._gone = None
            self._worker.lanes.pop(self._subject, None)
            if self._room is not None and not self._room.done():
                self._room.cancel()

    @property
    def closed(self) -> bool:
        """True after the end, an error, or when the request was passed on."""
        return self._closed

    async def _wait_for_room(self) -> None:
        self.announced = self.announced or time.monotonic()
        self._room = asyncio.get_running_loop().create_future()
        await self._room
        self._room = None

    def _frame(self, *, data: bytes = b"", end: Ending | None = None, error: ErrorBody | None = None) -> None:
        if self._closed:
            raise LaneClosed(self.token)
        first = self._next == 0
        gathering = self._worker.gathering
        if not first and end is None and error is None and len(self._worker.lanes) >= BUSY_LANES:
            gathering.add(self.reader, self.token, self._next, data)
            self._next += 1
            return
        gathering.send(self.reader)
        header = FrameHeader(
            self._next,
            worker=self._worker.address if first else "",
            open=self._opening,
            end=end,
            error=error,
            admitted=self.admitted if first else None,
        )
        self._opening = None
        self._next += 1
        self.started = True
        self.announced = self.announced or time.monotonic()
        self._worker.bus.publish(self._subject, join(header, data))
