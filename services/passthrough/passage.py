"""One request's way through: its body to the provider, the answer to the client, and the bill before its end."""

import asyncio
import time

import aiohttp

from services.passthrough.admission import Admitted
from services.passthrough.books import Books
from services.passthrough.domain.bills import Finished
from services.passthrough.domain.copies import Reading
from services.passthrough.domain.headers import answer_headers, request_headers
from services.passthrough.domain.hold_back import HoldBack
from services.passthrough.domain.targets import Target
from services.passthrough.metering import Copying, Meter
from services.passthrough.provider import Provider, pieces
from shared.bus.stage import Call
from shared.errors import DeadlinePassed, ProviderError, ProviderTimeout, TollwayError
from shared.schemas.events import Outcome
from shared.schemas.frames import Opening
from shared.wire.attempt_headers import FROM_PROVIDER, attempt_headers
from shared.wire.headers import Headers, decoded

_NO_BODY = frozenset({204, 304})


class Passage:
    """One request and its answer."""

    def __init__(
        self, call: Call, target: Target, provider: Provider, admitted: Admitted, books: Books, copying: Copying
    ) -> None:
        self._call = call
        self._target = target
        self._provider = provider
        self._admitted = admitted
        self._books = books
        self._copying = copying
        self._status = 0
        self._meter: Meter | None = None

    async def run(self) -> None:
        """Carry the request; raises a `TollwayError` for what ends it before its end."""
        try:
            await self._exchange()
        except TollwayError as error:
            if not self._books.closed:
                body = error.to_body()
                outcome: Outcome = "interrupted" if self._call.lane.started else "failure"
                awaited = isinstance(error, ProviderTimeout | DeadlinePassed)
                end = self._finished(outcome, body.status, body.code, awaited=awaited)
                await self._books.settle(self._told(), end)
            error.tell(*attempt_headers(self._target.name, 1))
            if isinstance(error, ProviderError):
                error.tell(FROM_PROVIDER)
            raise
        finally:
            if not self._books.closed:
                # The client has left or the time is over: what was used is billed, and nobody waits for it.
                late = self._call.remaining <= 0
                outcome, status = ("interrupted", 504) if late else ("cancelled", 499)
                end = self._finished(outcome, status, awaited=True)
                self._copying.later(self._books.persist(self._told(), end))
            if self._meter is not None:
                self._meter.close()

    async def _exchange(self) -> None:
        ctx, body = self._call.ctx, self._admitted.body
        headers = request_headers(self._target, ctx.headers, keep_length=body.arriving)
        try:
            async with asyncio.timeout(self._target.timeouts.total):
                response = await self._provider.open(ctx.method, self._admitted.url, headers, body)
                try:
                    await self._hand_on(response)
                finally:
                    # A connection whose answer was not read to its end is closed, and the provider stops.
                    response.close()
        except TimeoutError:
            raise ProviderTimeout("the provider took longer than it may") from None

    async def _hand_on(self, response: aiohttp.ClientResponse) -> None:
        lane = self._call.lane
        self._status = response.status
        headers = decoded(response.raw_headers)
        bodiless = self._call.ctx.method == "HEAD" or response.status in _NO_BODY
        length = None if bodiless else response.content_length
        meter = self._meter = self._metered(headers)
        hold = HoldBack(length)
        lane.open(Opening(response.status, answer_headers(self._target, headers), self._target.name, attempts=1))
        if length is None and not bodiless and "json" not in response.content_type:
            # Whoever reads a stream wants to know that it has begun.
            await lane.send(b"")
        async for data in pieces(response, self._target):
            closing = meter.feed(data) if meter is not None else False
            if ready := hold.take(data, closing=closing):
                await lane.send(ready)
        reading = await meter.reading() if meter is not None else None
        ending = await self._books.settle(reading, self._finished("success", response.status))
        await lane.end(ending, hold.rest)

    def _metered(self, headers: Headers) -> Meter | None:
        vendor = self._target.vendor
        if vendor is None or self._admitted.meaning != "metered" or self._status >= 400:
            return None
        return Meter(self._copying, vendor, headers, self._call.ctx.id)

    def _told(self) -> Reading | None:
        return self._meter.told_so_far() if self._meter is not None else None

    def _finished(self, outcome: Outcome, status: int, code: str = "", *, awaited: bool = False) -> Finished:
        if outcome == "success" and status >= 400:
            outcome = "failure"
        stream = self._meter is not None and self._meter.stream
        return Finished(outcome, status, time.time(), self._status, code, stream, awaited)
