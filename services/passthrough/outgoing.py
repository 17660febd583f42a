"""The body of a request on its way to the provider."""

from collections.abc import AsyncIterator, Callable
from io import BytesIO

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesIOPayload, BytesPayload

from services.passthrough.clock import Clock
from shared.bus.bodies import INLINE_BYTES, BodyReader
from shared.errors import TollwayError
from shared.offload.pieces import joined
from shared.schemas.context import BodyRef


class WholeBody:
    """A body that is here."""

    arriving = False
    failure: TollwayError | None = None
    complete = False
    """True once all of it was handed on."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def opened(self, clock: Clock) -> BytesIOPayload | BytesPayload | None:
        """Return the body for the HTTP client, which writes a large one in pieces; None when there is none."""
        clock.restart()
        self.complete = not self.data
        if self.size > INLINE_BYTES:
            return _LargePayload(self)
        return _SmallPayload(self) if self.data else None


class _SmallPayload(BytesPayload):
    """Notes when it was written."""

    def __init__(self, body: WholeBody) -> None:
        super().__init__(body.data)
        self._body = body

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await super().write_with_length(writer, content_length)
        self._body.complete = True


class _LargePayload(BytesIOPayload):
    """The same, in pieces."""

    def __init__(self, body: WholeBody) -> None:
        super().__init__(BytesIO(body.data))
        self._body = body

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await super().write_with_length(writer, content_length)
        self._body.complete = True


def _unwatched(_: bytes) -> None:
    """See nothing."""


class ArrivingBody:
    """A body that the client is still sending; it is taken piece by piece, once, as the provider reads it."""

    arriving = True

    def __init__(self, reader: BodyReader, ref: BodyRef) -> None:
        self._pieces = reader.arriving_pieces(ref)
        self._begun: list[bytes] = []
        self.ended = False
        """True once it is known that nothing comes after what was taken."""
        self.size = 0
        self.complete = False
        """True once all of it was handed on."""
        self.failure: TollwayError | None = None
        """Why the body could not be had to its end; the HTTP client would hide it."""
        self.watch: Callable[[bytes], None] = _unwatched
        """Sees each piece before the provider does, and raises a `TollwayError` to stop the request."""

    async def peek(self) -> bytes:
        """Return the first piece, which stays in its place; empty for an empty body."""
        if not self._begun:
            self._begun.append(await anext(self._pieces, b""))
        return self._begun[0]

    async def collect(self, limit: int) -> bytes | None:
        """Return the whole body when it is no longer than `limit`, and have nothing more to give.

        Else return None, and what was taken stays in its place.
        """
        taken = sum(len(piece) for piece in self._begun)
        while taken <= limit:
            piece = await anext(self._pieces, b"")
            if not piece:
                self.ended = True
                return await joined(self._begun)
            self._begun.append(piece)
            taken += len(piece)
        return None

    async def beginning(self, most: int) -> bytes:
        """Return about so many bytes of its beginning, or all of it; they stay in their place."""
        whole = await self.collect(most)
        if whole is None:
            return b"".join(self._begun)
        self._begun.append(whole)
        return whole

    async def opened(self, clock: Clock) -> AsyncIterator[bytes]:
        """Yield the body for the HTTP client. The clock stands still while the client is waited for."""
        try:
            while self._begun:
                clock.restart()
                yield self._count(self._begun.pop(0))
            clock.stop()
            async for piece in self._pieces:
                clock.restart()
                yield self._count(piece)
                clock.stop()
            clock.restart()
            self.complete = True
        except TollwayError as error:
            self.failure = error
            raise

    def _count(self, piece: bytes) -> bytes:
        self.watch(piece)
        self.size += len(piece)
        return piece


Outgoing = WholeBody | ArrivingBody
