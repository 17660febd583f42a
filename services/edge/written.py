"""Answers that leave in one piece: status, headers and body are known when the first byte goes out."""

from collections.abc import Mapping

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from services.edge.domain.answers import answer_headers
from services.edge.domain.heads import head

Headers = tuple[tuple[str, str], ...]

JOINED = 64 * 1024
"""Bytes of a body up to which a copy of it behind its head is cheaper than a second write."""


def whole_answer(
    request: web.Request, status: int, ours: Mapping[str, str], theirs: Headers, body: bytes
) -> web.StreamResponse:
    """Return an answer; what its producer says in its headers (`theirs`) wins over `ours`.

    Most answers are `Written`: aiohttp's way from headers to bytes costs 20 µs more. The rest need that way's care,
    answers to HEAD or HTTP/1.0, those without a body, and those after which the connection ends.
    """
    plain = request.version == HttpVersion11 and request.keep_alive and request.method != "HEAD"
    if not plain or status < 200 or status in (204, 304):
        return web.Response(status=status, body=body, headers=answer_headers(ours, theirs))
    ours = {"content-type": "application/octet-stream", "date": rfc822_formatted_time(), **ours}
    return Written(status, head(status, ours, theirs, len(body)), body)


class Written(web.StreamResponse):
    """An answer whose bytes are made already; no hook sees it, and its connection stays open."""

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        super().__init__(status=status)
        self._keep_alive = True
        self._pieces = [head + body] if len(body) <= JOINED else [head, body]

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Write all of it."""
        writer = request.writer
        for piece in self._pieces:
            await writer.write(piece)
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the end is written."""
        self._eof_sent = True
