"""Sending an answer as slowly, partly or wrongly as was asked for."""

import asyncio
from itertools import cycle
from typing import Any

from aiohttp import web

from tollway.demo_provider.behaviour import Behaviour
from tollway.demo_provider.counters import Call, Counters
from tollway.demo_provider.dialect import Dialect
from tollway.demo_provider.plan import Chunks, Reply, StreamPlan

GARBAGE = b'data: {"id":\xff\xfe\x00\xc3(\n\n'
"""Neither UTF-8 nor JSON."""

BATCH = 32
"""Chunks in one write when no rate was asked for."""

AWKWARD_SIZES = (7, 13, 1, 31, 5)
"""Bytes in each write of an echoed stream: they split events, names, characters and line ends."""

WRONG_BY = 64
"""Bytes by which a wrong content-length exceeds the body."""


async def for_ever() -> None:
    """Wait until the task is cancelled."""
    await asyncio.get_running_loop().create_future()


class Delivery:
    """One answer on its way to one client."""

    def __init__(
        self, request: web.BaseRequest, dialect: Dialect, behaviour: Behaviour, call: Call, counters: Counters
    ) -> None:
        self._request = request
        self._dialect = dialect
        self._behaviour = behaviour
        self._call = call
        self._counters = counters

    async def send(self, reply: Reply) -> web.StreamResponse:
        """Send the answer and count what of it was sold.

        Raises CancelledError or ConnectionError when the client leaves.
        """
        try:
            return await self._send(reply)
        finally:
            self._counters.end(self._call, "cancelled")

    async def _send(self, reply: Reply) -> web.StreamResponse:
        behaviour = self._behaviour
        if behaviour.drop:
            await self._disconnect()
        if behaviour.hang in ("connect", "first_byte"):
            await for_ever()
        if behaviour.latency:
            await asyncio.sleep(behaviour.latency)
        if behaviour.error is not None and behaviour.error_after is None:
            return self._error(behaviour.error)
        if reply.stream is None:
            return await self._whole(reply)
        response = self._response("text/event-stream; charset=utf-8")
        response.headers["Cache-Control"] = "no-cache"
        await self._stream(response, reply, reply.stream)
        return response

    def _error(self, status: int) -> web.Response:
        self._counters.end(self._call, "error")
        body = self._dialect.error(status, f"The demo provider was asked to answer {status}.", None, None)
        response = web.Response(status=status, body=body, headers=self._headers("application/json"))
        if self._behaviour.retry_after is not None:
            response.headers["Retry-After"] = self._behaviour.retry_after
        return response

    def _headers(self, content_type: str) -> dict[str, str]:
        return {"Content-Type": content_type, self._dialect.request_id_header: f"req_{self._call.id}"}

    def _response(self, content_type: str) -> web.StreamResponse:
        return web.StreamResponse(headers=self._headers(content_type))

    def _sell_all(self, reply: Reply) -> None:
        self._counters.sell(self._call, reply.usage.all_input, reply.usage.output)

    async def _disconnect(self) -> None:
        """Close the connection after what was written; never returns, for the task is cancelled by it."""
        self._counters.end(self._call, "cut")
        if self._request.transport is not None:
            self._request.transport.close()
        await for_ever()

    async def _whole(self, reply: Reply) -> web.StreamResponse:
        behaviour = self._behaviour
        if behaviour.hang == "first_token":
            response = self._response("application/json")
            response.content_length = len(reply.body)
            await response.prepare(self._request)
            await for_ever()
        if wait := behaviour.first_token + (reply.usage.output / behaviour.rate if behaviour.rate else 0.0):
            await asyncio.sleep(wait)
        if behaviour.error_after is not None:
            response = self._error(behaviour.error or 500)
            response.set_status(200)
            return response
        if behaviour.cut is not None or behaviour.silence is not None or behaviour.length is not None:
            return await self._partly(reply)
        body = reply.body
        if (at := behaviour.garbage) is not None:
            body = body[:at] + GARBAGE + body[at + len(GARBAGE) :]
        self._sell_all(reply)
        self._counters.end(self._call, "finished" if at is None else "cut")
        return web.Response(body=body, headers=self._headers("application/json"))

    async def _partly(self, reply: Reply) -> web.StreamResponse:
        behaviour, body = self._behaviour, reply.body
        response = self._response("application/json")
        response.content_length = self._declared(len(body))
        await response.prepare(self._request)
        end = behaviour.cut if behaviour.cut is not None else behaviour.silence
        await response.write(body[:end])
        if behaviour.silence is not None:
            await for_ever()
        if behaviour.length is not None:
            self._sell_all(reply)
        await self._disconnect()
        return response

    def _declared(self, length: int) -> int:
        wrong = {None: length, "long": length + WRONG_BY, "short": length // 2}
        return wrong[self._behaviour.length]

    async def _stream(self, response: web.StreamResponse, reply: Reply, plan: StreamPlan) -> None:
        behaviour = self._behaviour
        if behaviour.length is not None:
            whole = len(plan.opening) + sum(len(chunk) for chunk in plan.chunks) + len(plan.closing)
            response.content_length = self._declared(whole)
        await response.prepare(self._request)
        if behaviour.hang == "first_token":
            await for_ever()
        if behaviour.first_token:
            await asyncio.sleep(behaviour.first_token)
        self._counters.sell(self._call, reply.usage.all_input, 0)
        stop = self._stop()
        if stop is None:
            await self._chunks(response, plan.opening, plan.chunks, plan.closing)
        else:
            await self._chunks(response, plan.opening, plan.chunks.part(0, stop), b"")
            await self._misbehave(response)
            await self._chunks(response, b"", plan.chunks.part(stop), plan.closing)
        if behaviour.length is not None:
            await self._disconnect()
        await response.write_eof()
        self._counters.end(self._call, "cut" if behaviour.garbage is not None else "finished")

    def _stop(self) -> int | None:
        behaviour = self._behaviour
        stops = (behaviour.cut, behaviour.silence, behaviour.garbage, behaviour.error_after)
        return min((stop for stop in stops if stop is not None), default=None)

    async def _misbehave(self, response: web.StreamResponse) -> None:
        behaviour = self._behaviour
        if behaviour.garbage is not None:
            await response.write(GARBAGE)
        elif behaviour.silence is not None:
            await for_ever()
        elif behaviour.cut is not None:
            await self._disconnect()
        else:
            status = behaviour.error or 500
            await response.write(self._dialect.error_event(status, "The demo provider was asked to fail here."))
            await response.write_eof()
            self._counters.end(self._call, "error")
            await self._disconnect()

    async def _chunks(self, response: web.StreamResponse, opening: bytes, chunks: Chunks[Any], closing: bytes) -> None:
        behaviour = self._behaviour
        if behaviour.echo or behaviour.nonce:
            await self._awkwardly(response, opening + chunks.joined() + closing)
            self._counters.sell(self._call, 0, len(chunks))
        elif behaviour.rate:
            await self._paced(response, opening, chunks, closing)
        else:
            await self._at_once(response, opening, chunks, closing)

    async def _at_once(self, response: web.StreamResponse, opening: bytes, chunks: Chunks[Any], closing: bytes) -> None:
        last = max(0, len(chunks) - 1) // BATCH * BATCH
        for start in range(0, last, BATCH):
            await response.write(opening + chunks.part(start, start + BATCH).joined())
            self._counters.sell(self._call, 0, BATCH)
            opening = b""
        if rest := opening + chunks.part(last).joined() + closing:
            await response.write(rest)
            self._counters.sell(self._call, 0, len(chunks) - last)

    async def _paced(self, response: web.StreamResponse, opening: bytes, chunks: Chunks[Any], closing: bytes) -> None:
        loop = asyncio.get_running_loop()
        interval = 1.0 / self._behaviour.rate
        due = loop.time()
        if opening:
            await response.write(opening)
        for chunk in chunks:
            due += interval
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            await response.write(chunk)
            self._counters.sell(self._call, 0, 1)
        if closing:
            await response.write(closing)

    async def _awkwardly(self, response: web.StreamResponse, data: bytes) -> None:
        start = 0
        for size in cycle(AWKWARD_SIZES):
            if start >= len(data):
                return
            await response.write(data[start : start + size])
            await asyncio.sleep(0)
            start += size
