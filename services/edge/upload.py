"""A body that is still arriving, handed on piece by piece as it is asked for."""

import aiohttp
from aiohttp import StreamReader, web

from shared.errors import BodyTooLarge, ClientGone, InvalidRequest


class ArrivingUpload:
    """Reads no further ahead than the server's own buffer, so a slow taker slows the client."""

    def __init__(self, content: StreamReader, limit: int) -> None:
        self._content = content
        self._limit = limit
        self._taken = 0
        self.begun = False
        """True once bytes (or the end) were handed out: they cannot be had a second time."""

    async def piece(self) -> bytes:
        """Return the next bytes, empty at the end; a cancelled call loses none.

        Raises `BodyTooLarge` past the limit, `ClientGone` when the client left in the middle, `InvalidRequest`
        when its framing is wrong.
        """
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

    async def whole(self) -> bytes:
        """Return all of it; for short bodies. Raises what `piece` does."""
        body = await self.piece()
        while piece := await self.piece():
            body += piece
        return body
