"""A body that is still arriving, handed on piece by piece as it is asked for."""

import asyncio
import time

import aiohttp
from aiohttp import StreamReader, web

from shared.errors import BodyTooLarge, ClientGone, InvalidRequest

PIECE = 64 * 1024
"""Bytes of a piece, of what was read before anybody asked for it."""

SILENT_SECONDS = 30.0
"""How long a client may send nothing of a body that is waited for."""


class ArrivingUpload:
    """Reads no further ahead than the server's own buffer, so a slow taker slows the client."""

    def __init__(self, content: StreamReader, limit: int) -> None:
        self._content = content
        self._limit = limit
        self._taken = 0
        self._ahead = b""
        self.begun = False
        """True once bytes (or the end) were handed out: they cannot be had a second time."""

    async def piece(self) -> bytes:
        """Return the next bytes, empty at the end; a cancelled call loses none.

        Raises `BodyTooLarge` past the limit, `ClientGone` when the client left in the middle, `InvalidRequest`
        when its framing is wrong.
        """
        if self._ahead:
            data, self._ahead = self._ahead[:PIECE], self._ahead[PIECE:]
            self.begun = True
            return data
        try:
            data = await self._content.readany()
        except (ConnectionError, aiohttp.ClientConnectionError):
            raise ClientGone("the client left before the body was complete") from None
        except (aiohttp.http_exceptions.HttpProcessingError, aiohttp.ClientPayloadError, web.RequestPayloadError):
            raise InvalidRequest("The request's body is damaged or not complete.") from None
        self.begun = True
        self._taken += len(data)
        if self._taken > self._limit:
            raise BodyTooLarge(f"The request body is larger than {self._limit} bytes.")
        return data

    async def next(self, end: float) -> bytes:
        """Return what `piece` does; raise `InvalidRequest` after a long silence, or when it is `end` (Unix seconds)."""
        try:
            async with asyncio.timeout(min(SILENT_SECONDS, end - time.time())):
                return await self.piece()
        except TimeoutError:
            raise InvalidRequest("The request's body did not come in time.", status=408, code="timeout") from None

    async def whole(self, end: float) -> bytes:
        """Return all of it; for short bodies. Raises what `next` does."""
        body = b""
        # A body that came with its head needs no clock.
        while piece := await (self.piece() if self._content.is_eof() else self.next(end)):
            body += piece
        return body

    async def short(self, most: int, end: float) -> bytes | None:
        """Return all of it where it has at most so many bytes; None where it has more, and then nothing is lost.

        Raises what `next` does.
        """
        body = b""
        while piece := await (self.piece() if self._content.is_eof() else self.next(end)):
            body += piece
            if len(body) > most:
                self._ahead, self.begun = body, False
                return None
        return body
