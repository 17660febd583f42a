"""As much of HTTP/1.1 as the mock and the load clients need, and no more."""

import re

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
CHUNKED = -1


class BadMessage(Exception):
    """What came is not the HTTP that these benchmarks speak."""


def find_head(data: bytes | bytearray) -> int:
    """Return where the body starts, or 0 while the head is not complete."""
    end = data.find(b"\r\n\r\n")
    return 0 if end < 0 else end + 4


def body_length(head: bytes | bytearray) -> int:
    """Return the body's length in bytes, or `CHUNKED`."""
    if match := _LENGTH.search(head):
        return int(match[1])
    return CHUNKED if _CHUNKED.search(head) else 0


def status_of(head: bytes | bytearray) -> int:
    """Return the status of an answer; raise `BadMessage`."""
    match = _STATUS.match(head)
    if match is None:
        raise BadMessage(f"not an HTTP answer: {bytes(head[:80])!r}")
    return int(match[1])


def http_request(path: str, body: bytes, key: str, port: int) -> bytes:
    """Return a whole POST with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def http_answer(body: bytes) -> bytes:
    """Return a whole 200 with a JSON body."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def http_chunk(data: bytes) -> bytes:
    """Return one piece of a body that is sent in chunks."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Dechunker:
    """Takes a chunked body apart, however it was cut up on the way."""

    __slots__ = ("_buffer", "done")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.done = False

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the body that became complete."""
        buffer = self._buffer
        buffer += data
        out = bytearray()
        position = 0
        while not self.done:
            line = buffer.find(b"\r\n", position)
            if line < 0:
                break
            try:
                size = int(buffer[position:line].split(b";")[0], 16)
            except ValueError:
                raise BadMessage(f"not a chunk: {bytes(buffer[position : position + 40])!r}") from None
            end = line + 2 + size + 2
            if len(buffer) < end:
                break
            out += buffer[line + 2 : end - 2]
            position = end
            self.done = size == 0
        del buffer[:position]
        return bytes(out)
