"""The books of one request: the notice before the provider is called, and the completion event after it."""

import asyncio
import time
import uuid
from dataclasses import dataclass

from services.passthrough.admission import MAX_MODEL, Admitted
from services.passthrough.domain.bills import Finished, attempt_of, beyond, bill_of, billed_model, cost_of, in_doubt
from services.passthrough.domain.copies import Reading
from services.passthrough.domain.targets import Target
from services.passthrough.outgoing import WholeBody
from services.passthrough.prices import Prices
from shared.bus.group_commit import EventsNotStored, EventWriter
from shared.bus.limits import LimiterClient
from shared.offload import Offload
from shared.pricing.estimate import estimate_input, estimate_output, estimated_usage
from shared.pricing.prices import UNPRICED, Price
from shared.pricing.usage import Usage
from shared.schemas.context import Principal, RequestContext
from shared.schemas.events import Attempt, encode_completion
from shared.schemas.frames import Ending, Sent
from shared.telemetry.metrics import Metrics

BYTES_PER_TOKEN = 4
"""Bytes of a request's body for one token of input, for the figure that stands until the real one comes."""


@dataclass(frozen=True, slots=True)
class Accounting:
    """What the books of all requests share."""

    writer: EventWriter
    limiter: LimiterClient
    prices: Prices
    offload: Offload
    metrics: Metrics


class Books:
    """One request's."""

    def __init__(
        self, accounting: Accounting, ctx: RequestContext, who: Principal, target: Target, admitted: Admitted
    ) -> None:
        self._accounting = accounting
        self._ctx = ctx
        self._who = who
        self._target = target
        self._admitted = admitted
        self._attempt = uuid.uuid4().hex
        self.started = time.time()
        self.closed = False
        """True once the event is with the writer."""

    def notice(self) -> Sent:
        """Return what the edge is told before the provider is called, and would write should this worker die."""
        target, admitted = self._target, self._admitted
        metered = admitted.meaning == "metered"
        tokens = admitted.body.size // BYTES_PER_TOKEN if admitted.input is None else admitted.input
        usage = estimated_usage(tokens if metered else 0, 0)
        cost = self._price(admitted.model).cost(usage, self.started)
        return Sent(
            token=self._ctx.token,
            attempt=self._attempt,
            deployment=target.name,
            provider=target.provider,
            model=admitted.model,
            principal=self._who,
            input=usage.input,
            cost=cost.nano,
            unpriced=cost.unpriced and admitted.meaning != "free",
            price_version=cost.version,
            limited=self._ctx.limited,
        )

    async def settle(self, reading: Reading | None, end: Finished) -> Ending:
        """Store the completion event and return what the edge tells of the answer; raise `EventsNotStored`."""
        attempt = await self._attempt_of(reading, end)
        completion = bill_of(self._ctx, self._who, attempt, end)
        event = encode_completion(completion)
        self.closed = True
        limiter = self._accounting.limiter
        try:
            await self._accounting.writer.store(event)
        except (EventsNotStored, asyncio.CancelledError):
            # Whoever leaves while JetStream stalls has been served by the provider all the same.
            self._accounting.writer.persist(event, lambda: limiter.settle_for(completion))
            raise
        return Ending(
            model=attempt.model,
            provider=attempt.provider,
            deployment=attempt.deployment,
            attempts=1,
            prompt_tokens=attempt.usage.prompt_tokens,
            completion_tokens=attempt.usage.completion_tokens,
            cost=attempt.cost,
            unpriced=attempt.unpriced,
            provider_seconds=end.ended - self.started,
            ended=end.ended,
        )

    async def persist(self, reading: Reading | None, end: Finished) -> None:
        """Have the event of a request stored whose answer nobody waits for."""
        attempt = await self._attempt_of(reading, end)
        self.closed = True
        completion = bill_of(self._ctx, self._who, attempt, end)
        limiter = self._accounting.limiter
        self._accounting.writer.persist(encode_completion(completion), lambda: limiter.settle_for(completion))

    async def _attempt_of(self, reading: Reading | None, end: Finished) -> Attempt:
        target, meaning = self._target, self._admitted.meaning
        model = self._model(reading)
        usage = await self._usage(reading, end, model)
        price = self._price(model)
        if usage is not None and self._in_doubt(reading):
            usage, price = in_doubt(usage), self._dearest(usage)
        cost = cost_of(target, meaning, usage, price, self.started, end)
        metrics = self._accounting.metrics
        metrics.attempt_ended(target.provider, end.outcome, end.ended - self.started)
        if usage is not None:
            metrics.used(target.name, usage)
        metrics.charged(target.name, cost.nano, unpriced=cost.unpriced)
        return attempt_of(self._attempt, target, model, usage, cost, self.started, end)

    def _model(self, reading: Reading | None) -> str:
        admitted, told = self._admitted, reading.model if reading else ""
        if admitted.form is not None and admitted.body.complete and admitted.form.model:
            return admitted.form.model[:MAX_MODEL]
        return billed_model(admitted.model, told, certain=admitted.certain, priced=self._price(told).known)

    def _in_doubt(self, reading: Reading | None) -> bool:
        """Tell whether neither the form nor the answer says for certain which model it was."""
        form = self._admitted.form
        return form is not None and form.doubtful and not (reading is not None and self._price(reading.model).known)

    def _dearest(self, usage: Usage) -> Price:
        """Return the price of the vendor's models at which a usage costs most."""
        known = [price for price, _ in self._accounting.prices.all_of(self._target) if price.known]
        return max(known, key=lambda price: price.cost(usage, self.started).nano, default=UNPRICED)

    async def _usage(self, reading: Reading | None, end: Finished, model: str) -> Usage | None:
        """Return the usage as reported, with our own count for what was not; None where nothing can be told."""
        if reading is None or (end.awaited and reading.usage is None and not reading.text):
            return await self._unanswered(end, model)
        reported = reading.usage
        if not reading.text or (reported is not None and end.outcome == "success"):
            return reported
        written = await asyncio.to_thread(estimate_output, reading.text, model)
        if reported is not None:
            return beyond(reported, written)
        return estimated_usage(await self._input_tokens(model), written)

    async def _unanswered(self, end: Finished, model: str) -> Usage | None:
        """Return the input of a metered call that was sent as a whole and not answered yet: providers bill it."""
        admitted = self._admitted
        refused = end.answered >= 400
        if admitted.meaning != "metered" or not end.awaited or refused or not admitted.body.complete:
            return None
        return estimated_usage(await self._input_tokens(model), 0)

    async def _input_tokens(self, model: str) -> int:
        body = self._admitted.body
        if self._admitted.input is not None:
            return self._admitted.input
        if not isinstance(body, WholeBody):
            # It went by and is not here any more; its bytes may be an image, which no count of bytes may enter.
            return 0
        return await self._accounting.offload.run(estimate_input, body.data, self._ctx.dialect, model)

    def _price(self, model: str) -> Price:
        if self._target.vendor is None or not model:
            return UNPRICED
        return self._accounting.prices.price_of(self._target.provider, model, self._target.api_base)
