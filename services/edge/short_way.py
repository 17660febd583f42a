"""The short way of a streamed answer: what arrives is written where it arrives, as long as its client keeps up."""

from collections.abc import Callable

from aiohttp import web

KEPT_UP = 16 * 1024
"""Bytes that wait for a client at most before the request's task goes on instead, which waits for the client once
another 64 KiB were written: what is allowed here comes on top of that for each slow client."""


def short_way(
    request: web.Request, response: web.StreamResponse, written: Callable[[bytes], None]
) -> Callable[[bytes], bool] | None:
    """Return what writes pieces of an answer whose head is out, and tells whether it took them.

    `written` hears of each. None where the answer is not sent in chunks (HTTP/1.0, a stated length). A piece written
    here costs a third of one that goes by aiohttp's coroutines.
    """
    if response.headers.get("transfer-encoding") != "chunked":
        return None

    def write(piece: bytes) -> bool:
        transport = request.transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > KEPT_UP:
            return False
        if piece:
            transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            written(piece)
        return True

    return write
