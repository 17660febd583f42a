"""Bodies that are too large for one message travel by reference and are fetched in pieces.

The process that has a body keeps it on its shelf; whoever needs it asks for piece after piece, so the broker
never holds more than a few pieces of it (docs/adr/0003-large-bodies.md).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

import msgspec
import structlog
from nats.aio.msg import Msg

from shared.bus import subjects
from shared.bus.envelope import Envelope, join
from shared.bus.observed import observe_bodies
from shared.bus.worker import Worker
from shared.errors import ErrorBody, TollwayError, Unavailable
from shared.offload import Pieces
from shared.schemas.context import BodyRef
from shared.schemas.frames import BodyPiece, BodyRequest

log = structlog.get_logger(__name__)

INLINE_BYTES = 384 * 1024
"""Bodies up to this size travel inside the stage message; the broker's limit is 1 MiB."""

PIECE_BYTES = 256 * 1024
WAIT_SECONDS = 5.0
"""After so long without a byte from the client the holder answers "wait", so that the asker knows it lives."""

PIECES_AHEAD = 4
"""Pieces of a stored body that are asked for at once."""

_request = msgspec.json.Decoder(BodyRequest).decode
_encode = msgspec.json.Encoder().encode
_pieces = Envelope(BodyPiece)


class BodyLost(Unavailable):
    """The process that held the body is gone, or does not answer."""


class Upload(Protocol):
    """A body that is still arriving; each piece can be taken once, in order."""

    async def piece(self) -> bytes:
        """Return the next bytes, empty at the end; raise a `TollwayError` when the client failed."""
        ...


class BodyShelf:
    """The bodies that this process holds for others."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._subject = subjects.body(worker.service, worker.id)
        self._stored: dict[str, bytes] = {}
        self._arriving: dict[str, Upload] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._stored) + len(self._arriving)

    async def start(self) -> None:
        """Take requests for pieces."""
        await self._worker.bus.subscribe(self._subject, self._asked)
        observe_bodies(self._worker.metrics, self)

    def keep(self, token: str, body: bytes) -> BodyRef:
        """Put a whole body on the shelf; it may be fetched any number of times until it is dropped."""
        self._stored[token] = body
        return BodyRef(self._subject, token, len(body))

    def keep_upload(self, token: str, upload: Upload, size: int = -1) -> BodyRef:
        """Put a body there that is still arriving; it can be fetched once."""
        self._arriving[token] = upload
        return BodyRef(self._subject, token, size)

    def drop(self, token: str) -> None:
        """Let go of a body."""
        self._stored.pop(token, None)
        self._arriving.pop(token, None)

    def _asked(self, message: Msg) -> None:
        asked = _request(message.data)
        stored = self._stored.get(asked.token)
        if stored is not None:
            end = asked.offset + PIECE_BYTES
            piece = BodyPiece(end=end >= len(stored))
            self._worker.bus.publish(message.reply, join(piece, stored[asked.offset : end]))
            return
        upload = self._arriving.get(asked.token)
        if upload is None:
            gone = BodyLost("the request's body is gone").to_body()
            self._worker.bus.publish(message.reply, join(BodyPiece(error=gone)))
            return
        task = asyncio.ensure_future(self._answer_from_upload(upload, message.reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_from_upload(self, upload: Upload, reply: str) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                data = await upload.piece()
        except TimeoutError:
            self._worker.bus.publish(reply, join(BodyPiece(wait=True)))
        except TollwayError as error:
            self._worker.bus.publish(reply, join(BodyPiece(error=error.to_body())))
        else:
            self._worker.bus.publish(reply, join(BodyPiece(end=not data), data))


class BodyReader:
    """Fetches bodies from the processes that hold them."""

    def __init__(self, worker: Worker) -> None:
        self._bus = worker.bus

    async def read(self, ref: BodyRef) -> bytes:
        """Return a stored body; raise `BodyLost` when its holder is gone."""
        body = Pieces()
        async for piece in self.stored_pieces(ref):
            body.add(piece)
        return await body.whole()

    async def stored_pieces(self, ref: BodyRef) -> AsyncIterator[bytes]:
        """Yield the pieces of a stored body in order, a few requests ahead."""
        offsets = iter(range(0, ref.size, PIECE_BYTES))
        ahead: list[asyncio.Task[tuple[BodyPiece, bytes]]] = []
        try:
            while True:
                while len(ahead) < PIECES_AHEAD and (offset := next(offsets, None)) is not None:
                    ahead.append(asyncio.ensure_future(self._ask(ref, offset)))
                if not ahead:
                    return
                _, data = await ahead.pop(0)
                yield data
        finally:
            for task in ahead:
                task.cancel()

    async def arriving_pieces(self, ref: BodyRef) -> AsyncIterator[bytes]:
        """Yield the pieces of a body as the client sends it."""
        offset = 0
        while True:
            piece, data = await self._ask(ref, offset)
            if data:
                offset += len(data)
                yield data
            if piece.end:
                return

    def pieces(self, ref: BodyRef, *, arriving: bool) -> AsyncIterator[bytes]:
        """Yield a body's pieces, stored or arriving."""
        return self.arriving_pieces(ref) if arriving else self.stored_pieces(ref)

    async def _ask(self, ref: BodyRef, offset: int) -> tuple[BodyPiece, bytes]:
        question = _encode(BodyRequest(ref.token, offset))
        answer = await self._answered(self._bus.request(ref.subject, question, timeout=WAIT_SECONDS * 2))
        piece, data = _pieces.split(answer)
        if piece.error is not None:
            raise _as_error(piece.error)
        return piece, data

    async def _answered(self, answer: Awaitable[bytes]) -> bytes:
        try:
            return await answer
        except Unavailable as error:
            raise BodyLost("the request's body can no longer be fetched", retry_after=1) from error


def _as_error(body: ErrorBody) -> TollwayError:
    return TollwayError(body.message, status=body.status, code=body.code, type=body.type)
