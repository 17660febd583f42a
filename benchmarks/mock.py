"""An upstream that costs as little as an upstream can: answers made beforehand, written at once.

``python -m benchmarks.mock --port 0`` prints its port. `GET /_mock` returns what it counted.
"""

import argparse
import asyncio
import json
from typing import cast

import uvloop

from benchmarks.payloads import STREAM_CHUNKS, STREAM_INTERVAL, chat_answer, stream_events
from benchmarks.wire import CHUNKED, body_length, find_head, http_answer, http_chunk

_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_REFUSED = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n"


class Upstream:
    """What all connections share: the answers, and the counts."""

    def __init__(self, chunks: int, interval: float) -> None:
        self.answer = http_answer(chat_answer())
        self.interval = interval
        self.events = _framed(chunks, with_usage=False)
        self.events_with_usage = _framed(chunks, with_usage=True)
        self.counts = {"requests": 0, "streams": 0, "streams_finished": 0, "chunks": 0, "connections": 0}


def _framed(chunks: int, *, with_usage: bool) -> list[bytes]:
    """Return what is written at each tick: one chunk each, and all of the end at the last."""
    events = stream_events(chunks, with_usage=with_usage)
    end = b"".join(http_chunk(event) for event in events[chunks:]) + b"0\r\n\r\n"
    return [*(http_chunk(event) for event in events[:chunks]), end]


class Connection(asyncio.Protocol):
    """Answers one request after the other."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._upstream.counts["connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        while data and (start := find_head(data)):
            head = data[:start]
            length = body_length(head)
            if length == CHUNKED:
                self._transport.write(_REFUSED)
                self._transport.close()
                return
            if len(data) < start + length:
                break
            self._answer(head, data[start : start + length])
            data = data[start + length :]
        self._buffer = data

    def _answer(self, head: bytes, body: bytes) -> None:
        upstream = self._upstream
        if head.startswith(b"GET /_mock"):
            self._transport.write(http_answer(json.dumps(upstream.counts).encode()))
        elif b'"stream":true' in body or b'"stream": true' in body:
            self._stream(upstream.events_with_usage if b'"include_usage"' in body else upstream.events)
        else:
            upstream.counts["requests"] += 1
            self._transport.write(upstream.answer)

    def _stream(self, events: list[bytes]) -> None:
        self._upstream.counts["streams"] += 1
        self._transport.write(_STREAM_HEAD + events[0])
        self._tick(events, 1, self._loop.time() + self._upstream.interval)

    def _tick(self, events: list[bytes], position: int, when: float) -> None:
        self._timer = self._loop.call_at(when, self._send, events, position, when)

    def _send(self, events: list[bytes], position: int, when: float) -> None:
        counts = self._upstream.counts
        self._transport.write(events[position])
        counts["chunks"] += 1
        if position + 1 < len(events):
            self._tick(events, position + 1, when + self._upstream.interval)
        else:
            counts["streams_finished"] += 1


async def serve(port: int, chunks: int, interval: float) -> None:
    """Print the port and answer until the process is ended."""
    upstream = Upstream(chunks, interval)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(upstream), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--chunks", type=int, default=STREAM_CHUNKS)
    parser.add_argument("--interval", type=float, default=STREAM_INTERVAL, help="seconds between chunks")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.chunks, options.interval))


if __name__ == "__main__":
    main()
