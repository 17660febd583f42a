"""A load client that costs as little as one can: raw connections in a closed loop, every answer checked.

It connects, prints `ready`, waits for a line on its standard input, and prints JSON lines: progress four times
a second, and the result at the end. So whoever started it can read clocks right before and right after.
"""

import argparse
import asyncio
import json
import sys
import time
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import uvloop

from benchmarks.payloads import MARK, chat_body
from benchmarks.stats import quantile
from benchmarks.wire import CHUNKED, BadMessage, Dechunker, body_length, find_head, http_request, status_of

PROGRESS_SECONDS = 0.25
STUCK_SECONDS = 30.0
"""A run that ends no request for so long is given up."""


@dataclass
class Run:
    """One load: what is left to send, and what came back."""

    requests: int
    until: float = 0.0
    """Monotonic time after which no request is begun; 0 means that the count alone decides."""
    done: int = 0
    chunks: int = 0
    seconds: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    failed: int = 0
    active: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self) -> bool:
        """Tell whether another request may be begun, and count it if so."""
        if self.requests <= 0 or (self.until and time.perf_counter() >= self.until):
            return False
        self.requests -= 1
        return True

    def fail(self, reason: str) -> None:
        """Count a request that did not end as it should."""
        self.failed += 1
        if len(self.errors) < 10:
            self.errors.append(reason[:300])

    def leave(self) -> None:
        """Note that a connection has nothing left to do."""
        self.active -= 1
        if self.active == 0:
            self.idle.set()

    def result(self, seconds: float) -> dict[str, object]:
        """Return the figures; times in seconds."""
        ordered, first = sorted(self.seconds), sorted(self.first_bytes)
        return {
            "requests": self.done,
            "failed": self.failed,
            "statuses": dict(self.statuses),
            "errors": self.errors,
            "seconds": seconds,
            "rate": self.done / seconds if seconds else 0.0,
            "chunks": self.chunks,
            "p50": quantile(ordered, 0.50),
            "p90": quantile(ordered, 0.90),
            "p99": quantile(ordered, 0.99),
            "max": ordered[-1] if ordered else 0.0,
            "first_byte_p50": quantile(first, 0.50),
            "first_byte_p99": quantile(first, 0.99),
        }


class Client(asyncio.Protocol):
    """One connection that sends its next request when the answer to the last one is complete."""

    def __init__(self, run: Run, request: bytes) -> None:
        self._run = run
        self._request = request
        self._busy = False
        self._began = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self) -> None:
        """Begin the next request, or leave when there is none."""
        if not self._run.take():
            self._run.leave()
            return
        self._busy = True
        self._began = time.perf_counter()
        self.begin()
        self._transport.write(self._request)

    def finish(self, status: int, fault: str) -> None:
        """Count the request, which was right when `fault` is empty, and begin the next."""
        run = self._run
        self._busy = False
        run.done += 1
        run.seconds.append(time.perf_counter() - self._began)
        run.statuses[str(status)] += 1
        if fault:
            run.fail(fault)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._busy:
            self._busy = False
            self._run.fail(f"the connection was lost: {exc}")
            self._run.leave()

    def broken(self, reason: str) -> None:
        """Give the connection up."""
        self._transport.close()
        if self._busy:
            self._busy = False
            self._run.fail(reason)
            self._run.leave()

    @abstractmethod
    def begin(self) -> None:
        """Forget the last answer."""


class WholeClient(Client):
    """Checks answers that come in one piece."""

    def begin(self) -> None:
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        start = find_head(data)
        if not start:
            self._buffer = data
            return
        head = data[:start]
        length = body_length(head)
        if length == CHUNKED:
            self.broken("a whole answer came in chunks")
        elif len(data) < start + length:
            self._buffer = data
        else:
            self._check(status_of(head), data[start : start + length])

    def _check(self, status: int, body: bytes) -> None:
        right = status == 200 and MARK in body and b'"usage"' in body
        self.finish(status, "" if right else f"{status}: {body[:200]!r}")


class StreamClient(Client):
    """Counts the chunks of streamed answers and checks that none is missing and that they end."""

    def __init__(self, run: Run, request: bytes, chunks: int) -> None:
        super().__init__(run, request)
        self._chunks = chunks

    def begin(self) -> None:
        self._head = b""
        self._status = 0
        self._seen = 0
        self._tail = b""
        self._ended = False
        self._body = Dechunker()

    def data_received(self, data: bytes) -> None:
        if not self._status:
            self._head += data
            start = find_head(self._head)
            if not start:
                return
            self._status = status_of(self._head)
            self._run.first_bytes.append(time.perf_counter() - self._began)
            if body_length(self._head) != CHUNKED:
                self.broken(f"not a stream: {self._head[:300]!r}")
                return
            data = self._head[start:]
        try:
            self._read(self._body.feed(data))
        except BadMessage as error:
            self.broken(str(error))

    def _read(self, text: bytes) -> None:
        # An event may be cut anywhere, so the unfinished one waits for the rest.
        text = self._tail + text
        end = text.rfind(b"\n\n") + 2 if b"\n\n" in text else 0
        events, self._tail = text[:end], text[end:]
        found = events.count(b'"content"')
        self._seen += found
        self._run.chunks += found
        self._ended = self._ended or events.endswith(b"data: [DONE]\n\n")
        if self._body.done:
            right = self._status == 200 and self._ended and not self._tail and self._seen == self._chunks
            end_of_it = "ended" if self._ended else "cut"
            self.finish(self._status, "" if right else f"{self._status}: {self._seen} chunks, {end_of_it}")


async def drive(options: argparse.Namespace) -> dict[str, object]:
    """Connect, say so, wait to be told, and run the load to its end."""
    run = Run(options.requests)
    body = chat_body(stream=bool(options.chunks), model=options.model)
    request = http_request(options.path, body, options.key, options.port)
    loop = asyncio.get_running_loop()
    clients: list[Client] = []

    def connect() -> Client:
        client = StreamClient(run, request, options.chunks) if options.chunks else WholeClient(run, request)
        clients.append(client)
        return client

    for _ in range(options.connections):
        await loop.create_connection(connect, "127.0.0.1", options.port)
    run.active = len(clients)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    began = time.perf_counter()
    run.until = began + options.seconds if options.seconds else 0.0
    for number, client in enumerate(clients):
        loop.call_later(options.spread * number / len(clients), client.send)
    await _watch(run)
    return run.result(time.perf_counter() - began)


async def _watch(run: Run) -> None:
    last, since = -1, time.perf_counter()
    while not run.idle.is_set():
        _tell(run)
        now = time.perf_counter()
        if run.done + run.chunks != last:
            last, since = run.done + run.chunks, now
        elif now - since > STUCK_SECONDS:
            run.fail(f"no answer for {STUCK_SECONDS:.0f} s with {run.active} requests in flight")
            return
        try:
            await asyncio.wait_for(run.idle.wait(), PROGRESS_SECONDS)
        except TimeoutError:
            continue
    _tell(run)


def _tell(run: Run) -> None:
    print(json.dumps({"at": time.time(), "done": run.done - run.failed}), flush=True)


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--key", default="none")
    parser.add_argument("--model", default="bench")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--requests", type=int, required=True, help="stop after so many, at the latest")
    parser.add_argument("--seconds", type=float, default=0.0, help="begin no request after so long")
    parser.add_argument("--chunks", type=int, default=0, help="ask for streams, and expect so many chunks")
    parser.add_argument("--spread", type=float, default=0.0, help="seconds over which the connections start")
    print(json.dumps({"result": uvloop.run(drive(parser.parse_args()))}), flush=True)


if __name__ == "__main__":
    main()
