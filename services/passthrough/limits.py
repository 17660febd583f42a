"""Asks the limiter for what auth could not: a request whose size and model stand in a body that is read here alone."""

from dataclasses import replace

import msgspec

from services.passthrough.admission import MAX_MODEL, Admitted, whole_json
from services.passthrough.domain.addresses import remainder_of
from services.passthrough.domain.operations import operation_of
from services.passthrough.domain.sizes import Size, size_of_form, size_of_json
from services.passthrough.domain.targets import Target
from services.passthrough.outgoing import WholeBody
from services.passthrough.prices import Prices
from shared.bus.asking import Asking
from shared.bus.bodies import INLINE_BYTES
from shared.bus.stage import Call
from shared.errors import Forbidden
from shared.offload import Offload
from shared.schemas.limits import Quota, Unasked
from shared.wire.headers import Headers, value_of


class NativeLimits:
    """Holds what a native request may cost before it is sent."""

    def __init__(
        self, asking: Asking, prices: Prices, offload: Offload, max_body_bytes: int, *, allow_unpriced: bool
    ) -> None:
        self._asking = asking
        self._prices = prices
        self._offload = offload
        self._max_body_bytes = max_body_bytes
        self._allow_unpriced = allow_unpriced

    async def take(self, call: Call, target: Target, admitted: Admitted, unasked: Unasked) -> Admitted:
        """Return the request as it goes on once the limiter lets it; the call's context says what it holds.

        Raises what `Asking.admit` raises, `Forbidden` for what has no price under a budget, and `BodyTooLarge` for JSON
        that is larger than on any other route.
        """
        size = Size(admitted.model)
        if admitted.meaning == "metered":
            admitted, size = await self._measured(call, target, admitted)
        quotas = unasked.quotas + _by_model(unasked, admitted, size)
        cost = self._cost(target, admitted, size, quotas) if admitted.meaning != "free" else 0
        held = await self._asking.admit(
            call,
            quotas,
            tokens=size.tokens if admitted.meaning == "metered" else 0,
            cost=cost,
            wait=unasked.wait,
            tenant=unasked.tenant,
        )
        call.ctx = msgspec.structs.replace(call.ctx, admitted=held, unasked=None)
        return admitted

    async def _measured(self, call: Call, target: Target, admitted: Admitted) -> tuple[Admitted, Size]:
        """Return the size of a request, and the request with as much of its body as that took."""
        ctx, model = call.ctx, admitted.model
        reason = "from a key with a budget or a limit of tokens"
        body = await whole_json(ctx, admitted.body, self._max_body_bytes, reason)
        content_type = value_of(ctx.headers, "content-type")
        if isinstance(body, WholeBody) and not content_type.lower().startswith("multipart/"):
            size = await self._offload.run(size_of_json, body.data, ctx.dialect, model)
        else:
            beginning = body.data if isinstance(body, WholeBody) else await body.beginning(INLINE_BYTES)
            length = body.size if isinstance(body, WholeBody) else _stated_length(ctx.headers)
            operation = operation_of(remainder_of(target, ctx.path))
            whole = isinstance(body, WholeBody) or body.ended
            size = await self._offload.run(size_of_form, beginning, content_type, length, operation, model, whole=whole)
        admitted = replace(admitted, body=body, model=size.model[:MAX_MODEL], certain=size.certain, input=size.input)
        return admitted, size

    def _cost(self, target: Target, admitted: Admitted, size: Size, quotas: tuple[Quota, ...]) -> int:
        strict = not self._allow_unpriced and any(quota.budget is not None for quota in quotas)
        if admitted.meaning == "unknown":
            if strict:
                raise unpriced_call()
            return 0
        if not size.model or not size.certain:
            known = [offer for offer in self._prices.all_of(target) if offer[0].known]
            if strict and not known:
                raise unpriced_call()
            return max((size.cost(price, possible) for price, possible in known), default=0)
        price, possible = self._prices.offer_of(target.provider, size.model, target.api_base)
        if strict and not price.known:
            raise Forbidden(
                f"The model '{size.model}' has no price, so it cannot be used under a budget.",
                param="model",
                code="model_unpriced",
            )
        return size.cost(price, possible)


def _by_model(unasked: Unasked, admitted: Admitted, size: Size) -> tuple[Quota, ...]:
    """Return what holds for the model; where a metered call may name another than was read, what holds for any."""
    if admitted.meaning != "metered" or (size.model and size.certain):
        return unasked.by_model.get(size.model, ())
    # A model that is hidden behind a large file must not be a way past its limits.
    return tuple(dict.fromkeys(quota for quotas in unasked.by_model.values() for quota in quotas))


def _stated_length(headers: Headers) -> int:
    stated = value_of(headers, "content-length")
    return int(stated) if stated.isascii() and stated.isdigit() else -1


def unpriced_call() -> Forbidden:
    """Return the error of a call that may cost what no answer tells, for a key under a budget."""
    return Forbidden(
        "What this call costs stands in no answer, so it cannot be made under a budget.", code="call_unpriced"
    )
