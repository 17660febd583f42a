"""One request's way through: its body to the provider, the answer to the client, and the bill before its end."""

import asyncio
import time
import uuid

import aiohttp

from services.passthrough.admission import Admitted
from services.passthrough.domain.bills import Call, End, completion_of, cost_of, estimate_of, usage_of
from services.passthrough.domain.copies import Reading
from services.passthrough.domain.headers import answer_headers, request_headers
from services.passthrough.domain.hold_back import HoldBack
from services.passthrough.domain.targets import Target
from services.passthrough.metering import Copying, Meter
from services.passthrough.prices import Prices
from services.passthrough.provider import Provider, pieces
from shared.bus.group_commit import EventWriter
from shared.bus.permission import may_send
from shared.bus.stage import Call as StageCall
from shared.bus.worker import Worker
from shared.errors import ProviderTimeout, TollwayError, WorkerLost
from shared.pricing.prices import UNPRICED, Cost, Price
from shared.pricing.usage import Usage
from shared.schemas.context import Principal
from shared.schemas.events import Outcome, encode_completion
from shared.schemas.frames import Ending, Opening, Sent
from shared.wire.headers import decoded

_NO_BODY = frozenset({204, 304})


class Services:
    """What every passage needs."""

    def __init__(self, worker: Worker, events: EventWriter, prices: Prices, copying: Copying) -> None:
        self.worker = worker
        self.events = events
        self.prices = prices
        self.copying = copying


class Passage:
    """One request and its answer."""

    def __init__(
        self,
        services: Services,
        provider: Provider,
        target: Target,
        stage_call: StageCall,
        admitted: Admitted,
    ) -> None:
        self._services = services
        self._provider = provider
        self._target = target
        self._stage_call = stage_call
        self._ctx = stage_call.ctx
        self._admitted = admitted
        self._attempt = uuid.uuid4().hex
        self._started = time.time()
        self._status = 0
        self._meter: Meter | None = None
        self._recorded = False

    async def run(self, principal: Principal) -> None:
        """Carry the request; raises a `TollwayError` for what ends it before its end."""
        await self._announce(principal)
        self._started = time.time()
        try:
            await self._exchange()
        except asyncio.CancelledError:
            # The client has left or the time is over: what was used is billed, and nobody waits for it.
            self._record_cut()
            raise
        except TollwayError as error:
            await self._record_failure(error)
            raise
        finally:
            if self._meter is not None:
                self._meter.close()

    async def _announce(self, principal: Principal) -> None:
        target, admitted = self._target, self._admitted
        usage = estimate_of(admitted.body.size) if admitted.meaning == "metered" else Usage()
        cost = self._price(admitted.model).cost(usage, self._started)
        sent = Sent(
            token=self._ctx.token,
            attempt=self._attempt,
            deployment=target.name,
            provider=target.provider,
            model=admitted.model,
            principal=principal,
            input=usage.input,
            cost=cost.nano,
            unpriced=cost.unpriced and admitted.meaning != "free",
            price_version=cost.version,
        )
        if not await may_send(self._services.worker, self._ctx, sent):
            raise WorkerLost("this request was given to another worker meanwhile", retry_after=1)

    async def _exchange(self) -> None:
        ctx, admitted, target = self._ctx, self._admitted, self._target
        headers = request_headers(target, ctx.headers, keep_length=admitted.body.arriving)
        total = min(target.timeouts.total, self._stage_call.remaining + 1)
        try:
            async with asyncio.timeout(total):
                response = await self._provider.open(ctx.method, admitted.url, headers, admitted.body)
                try:
                    await self._hand_on(response)
                finally:
                    response.close() if not response.content.is_eof() else response.release()
        except TimeoutError:
            raise ProviderTimeout("the provider took longer than it may") from None

    async def _hand_on(self, response: aiohttp.ClientResponse) -> None:
        lane = self._stage_call.lane
        self._status = response.status
        headers = answer_headers(self._target, decoded(response.raw_headers))
        bodiless = self._ctx.method == "HEAD" or response.status in _NO_BODY
        length = None if bodiless else response.content_length
        hold = HoldBack(length)
        meter = self._meter = self._metered(response)
        lane.open(Opening(response.status, headers))
        if length is None and not bodiless and "json" not in response.content_type:
            # Whoever reads a stream wants to know that it has begun.
            await lane.send(b"")
        async for data in pieces(response, self._target):
            closing = meter.feed(data) if meter is not None else False
            if ready := hold.take(data, closing=closing):
                await lane.send(ready)
        ending = await self._settle(meter)
        await lane.end(ending, hold.rest)

    def _metered(self, response: aiohttp.ClientResponse) -> Meter | None:
        vendor = self._target.vendor
        if vendor is None or self._admitted.meaning != "metered" or response.status >= 400:
            return None
        return Meter(self._services.copying, vendor, decoded(response.raw_headers), self._ctx.id)

    async def _settle(self, meter: Meter | None) -> Ending:
        """Store the completion event of an answer that came to its end, and return what the edge tells of it."""
        reading = await meter.reading() if meter is not None else None
        outcome: Outcome = "success" if self._status < 400 else "failure"
        end = End(outcome, self._status, time.time(), stream=meter is not None and meter.stream)
        call, usage, cost = self._bill(reading, end)
        await self._store(call, usage, cost, end)
        return Ending(
            model=call.model,
            provider=self._target.provider,
            deployment=self._target.name,
            attempts=1,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            cost=cost.nano,
            unpriced=cost.unpriced,
            provider_seconds=end.ended - self._started,
        )

    async def _record_failure(self, error: TollwayError) -> None:
        body = error.to_body()
        outcome: Outcome = "interrupted" if self._status else "failure"
        end = End(outcome, body.status, time.time(), body.code, stream=self._status > 0)
        if not self._recorded:
            call, usage, cost = self._bill(self._reading_at_once(), end)
            await self._store(call, usage, cost, end)

    def _record_cut(self) -> None:
        late = self._stage_call.remaining <= 0
        end = End("interrupted" if late else "cancelled", 504 if late else 499, time.time(), stream=self._status > 0)
        if not self._recorded:
            call, usage, cost = self._bill(self._reading_at_once(), end)
            self._services.events.persist(encode_completion(completion_of(self._ctx, call, usage, cost, end)))

    def _reading_at_once(self) -> Reading | None:
        return self._meter.reading_at_once() if self._meter is not None else None

    def _bill(self, reading: Reading | None, end: End) -> tuple[Call, Usage | None, Cost]:
        admitted = self._admitted
        model = admitted.model or (reading.model if reading else "")
        call = Call(self._attempt, self._target, admitted.meaning, model, admitted.body.size, self._started)
        usage = usage_of(call, reading, end)
        return call, usage, cost_of(call, usage, self._price(model), end)

    def _price(self, model: str) -> Price:
        target = self._target
        if target.vendor is None or not model:
            return UNPRICED
        return self._services.prices.price_of(target.provider, model, target.base)

    async def _store(self, call: Call, usage: Usage | None, cost: Cost, end: End) -> None:
        self._recorded = True
        event = completion_of(self._ctx, call, usage, cost, end)
        await self._services.events.store(encode_completion(event))
