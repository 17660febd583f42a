"""An upstream that keeps the bytes of each request and answers with bytes of the test's own."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class RawUpstream:
    """Answers every request with `answer`; the connection is closed after it where `close` is set."""

    def __init__(self) -> None:
        self.url = ""
        self.answer = OK
        self.close = False
        self.answers_each: int | None = None
        """How many requests of one connection are answered; it reads one more and ends without a word."""
        self.answer_early = False
        """Answer once the head of the request is here, and read no body."""
        self.requests: list[bytes] = []
        self.begun = 0
        """Requests whose head has come."""
        self.left: list[bytes] = []
        """What had come of requests whose connection was closed before their end."""

    def headers(self, index: int = -1) -> list[tuple[str, str]]:
        """Return the headers of a request, names in lower case."""
        head = self.requests[index].split(b"\r\n\r\n", 1)[0].decode()
        lines = head.split("\r\n")[1:]
        return [(line.split(":", 1)[0].lower(), line.split(":", 1)[1].strip()) for line in lines]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        seen = bytearray()
        answered = 0
        try:
            while True:
                seen.clear()
                await self._head(reader, seen)
                self.begun += 1
                if not self.answer_early:
                    await self._body(reader, seen)
                self.requests.append(bytes(seen))
                if answered == self.answers_each:
                    return
                answered += 1
                writer.write(self.answer)
                await writer.drain()
                if self.close:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            if seen:
                self.left.append(bytes(seen))
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _head(self, reader: asyncio.StreamReader, seen: bytearray) -> None:
        seen += await reader.readuntil(b"\r\n\r\n")

    async def _body(self, reader: asyncio.StreamReader, seen: bytearray) -> None:
        head = bytes(seen)
        if length := _LENGTH.search(head):
            left = int(length[1])
            while left:
                data = await reader.read(min(left, 65536))
                if not data:
                    raise asyncio.IncompleteReadError(b"", left)
                seen += data
                left -= len(data)
        elif _CHUNKED.search(head):
            while True:
                line = await reader.readuntil(b"\r\n")
                chunk = await reader.readexactly(int(line, 16) + 2)
                seen += line + chunk
                if line == b"0\r\n":
                    return


@asynccontextmanager
async def raw_upstream() -> AsyncIterator[RawUpstream]:
    """Serve on a free port."""
    upstream = RawUpstream()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(upstream.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1024 * 1024)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
