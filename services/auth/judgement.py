"""What is asked of a request once its caller is known: what its body must hold, for whom it is, its limits."""

import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from services.auth.customers import Customers
from services.auth.domain.customers import Customer, check_customer
from services.auth.domain.estimates import Estimate, check_priced, estimate
from services.auth.domain.facts import (
    NOTHING,
    Facts,
    facts_of,
    native_facts_of,
    native_request_in,
    read_facts,
    read_native_facts,
    request_in,
)
from services.auth.domain.offers import Offer
from services.auth.domain.quotas import weigh
from services.auth.domain.standing import Standing
from services.auth.offers import Offers
from shared.bus.asking import Asking
from shared.bus.stage import Call
from shared.catalog.catalog import provider_names
from shared.errors import BodyTooLarge, InvalidRequest
from shared.offload import INLINE_LIMIT, Offload
from shared.pricing.estimate import input_of
from shared.routes import Policy
from shared.routes.llm import PREFIX
from shared.routes.passthrough import VENDORS
from shared.schemas.context import RequestContext
from shared.schemas.limits import Admitted, Quota, Unasked

_VENDORS = {endpoint.route.name: endpoint.route.name.removeprefix(PREFIX) for endpoint in VENDORS}
"""Providers, by the native routes whose bodies name a model."""

MOST_UNASKED = 256 * 1024
"""Characters of limits by model that travel with a request whose body auth did not read: they share a message."""

Later = Coroutine[None, None, None]
"""What is left to do, where something must be waited for."""


@dataclass(slots=True)
class Case:
    """A request of a caller who may make it, as far as it has been looked at."""

    call: Call
    standing: Standing
    policy: Policy
    model: str
    """The model group that the caller means; of a native request empty, until its body was read."""
    facts: Facts = NOTHING
    request: dict[str, Any] | None = None
    """The body, as long as its prompt may still have to be counted."""
    customer: Customer | None = None


class Judgement:
    """Passes requests on, or raises why not; a request on which nothing more depends is not read."""

    def __init__(
        self,
        offers: Offers,
        customers: Customers,
        asking: Asking,
        offload: Offload,
        *,
        allow_unpriced: bool,
        flat: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._offers = offers
        self._customers = customers
        self._asking = asking
        self._offload = offload
        self._allow_unpriced = allow_unpriced
        self._flat = flat
        """Nano-dollars for each request, by the native routes whose requests cost the same."""

    def pass_on(self, call: Call, standing: Standing, model: str, policy: Policy) -> Later | None:
        """Pass on a request, at once where nothing must be waited for.

        Raises `InvalidRequest`, `Forbidden`, and what the limiter says.
        """
        if not policy.billed or not (standing.plan or standing.enforced_params or self._customers.matter):
            call.forward(call.ctx.next, introduced(call.ctx, standing, model))
            return None
        case = Case(call, standing, policy, model)
        body = call.inline
        if not policy.model and (body is None or call.ctx.route not in _VENDORS):
            # A native body that is still arriving can be read once, by whoever sends it on.
            return self._for_whom(case, NOTHING)
        if body is None or len(body) > INLINE_LIMIT:
            return self._read_elsewhere(case)
        return self._for_whom(case, self._facts(case, body))

    def _facts(self, case: Case, body: bytes) -> Facts:
        dialect = case.call.ctx.dialect
        if not case.policy.model:
            case.request = native_request_in(body)
            return native_facts_of(case.request, dialect)
        case.request = request_in(body)
        return facts_of(case.request, dialect, case.standing.enforced_params)

    async def _read_elsewhere(self, case: Case) -> None:
        """Read a large body, and count it at once: it is in hand once only."""
        body = await case.call.read_body()
        dialect = case.call.ctx.dialect
        if case.policy.model:
            enforced, tokenized_as = (
                case.standing.enforced_params,
                _tokenized_as(case.model, self._offers.of(case.model)),
            )
            facts = await self._offload.run(read_facts, body, dialect, enforced, tokenized_as=tokenized_as)
        else:
            facts = await self._offload.run(read_native_facts, body, dialect, tokenized_as="")
        if (more := self._for_whom(case, facts)) is not None:
            await more

    def _for_whom(self, case: Case, facts: Facts) -> Later | None:
        """Go on with what the body said; raise `InvalidRequest` for a field that is missing."""
        if facts.missing:
            raise InvalidRequest(f"This API key needs '{facts.missing}' in every request.", param=facts.missing)
        case.facts, case.model = facts, case.model or facts.model
        end_user = case.call.ctx.end_user or facts.end_user
        if not end_user or not self._customers.matter:
            return self._within_limits(case)
        case.customer = self._customers.known(end_user)
        if case.customer is None:
            return self._look_up(case, end_user)
        return self._within_limits(case)

    async def _look_up(self, case: Case, end_user: str) -> None:
        case.customer = await self._customers.look_up(end_user)
        if (more := self._within_limits(case)) is not None:
            await more

    def _within_limits(self, case: Case) -> Later | None:
        """Pass the request on if nothing limits it; raise `Forbidden` where its end user may not have it."""
        now = time.time()
        quotas = case.standing.plan.quotas(case.model, now)
        if case.customer is not None:
            names = provider_names(case.model, self._offers.of(case.model)) if case.customer.models else ()
            check_customer(case.customer, case.model, names, known_only=self._customers.known_only)
            quotas += case.customer.plan.quotas(case.model, now)
        if not case.model and case.call.ctx.route in _VENDORS and (unasked := self._unasked(case, quotas, now)):
            self._forward(case, unasked=unasked)
        elif quotas:
            return self._ask(case, quotas)
        else:
            self._forward(case)
        return None

    def _unasked(self, case: Case, quotas: tuple[Quota, ...], now: float) -> Unasked | None:
        """Return what pass-through is to ask for, where it depends on a body that auth does not read."""
        by_model = dict(case.standing.plan.by_model(now))
        if case.customer is not None:
            for model, more in case.customer.plan.by_model(now).items():
                by_model[model] = by_model.get(model, ()) + more
        if not (by_model or weigh(quotas)):
            return None
        unasked = Unasked(quotas, by_model, case.standing.wait, case.standing.tenant)
        if unasked.length > MOST_UNASKED:
            raise BodyTooLarge("This key has so many limits by model that a native request needs a short JSON body.")
        return unasked

    async def _ask(self, case: Case, quotas: tuple[Quota, ...]) -> None:
        strict = not self._allow_unpriced and any(quota.budget is not None for quota in quotas)
        size = await self._size(case, priced_only=strict) if weigh(quotas) else Estimate()
        standing = case.standing
        admitted = await self._asking.admit(
            case.call, quotas, tokens=size.tokens, cost=size.cost, wait=standing.wait, tenant=standing.tenant
        )
        self._forward(case, admitted, priced_only=strict and not case.policy.model)

    async def _size(self, case: Case, *, priced_only: bool) -> Estimate:
        """Return how large the request may become; raises `Forbidden` for a model without a price under a budget."""
        if not case.model:
            return Estimate(cost=self._flat.get(case.call.ctx.route, 0))
        offers = await self._offered(case)
        if priced_only:
            check_priced(case.call.ctx.model or case.model, offers)
        facts = case.facts
        if facts.input is None and case.request is not None:
            tokens = input_of(case.request, case.call.ctx.dialect, _tokenized_as(case.model, offers))
            facts = msgspec.structs.replace(facts, input=tokens)
            # A request may wait for its turn, and its parsed body is several times as large as the body.
            case.request = None
        return estimate(facts, offers)

    async def _offered(self, case: Case) -> tuple[Offer, ...]:
        if not case.policy.model:
            return (self._offers.native(_VENDORS[case.call.ctx.route], case.model),)
        return self._offers.of(case.model) or await self._offers.settled(case.model)

    def _forward(
        self,
        case: Case,
        admitted: Admitted | None = None,
        *,
        unasked: Unasked | None = None,
        priced_only: bool = False,
    ) -> None:
        ctx = case.call.ctx
        known = introduced(
            ctx,
            case.standing,
            case.model if case.policy.model else ctx.model,
            end_user=ctx.end_user or case.facts.end_user,
            admitted=admitted,
            unasked=unasked,
            priced_only=priced_only,
        )
        case.call.forward(ctx.next, known)


def introduced(ctx: RequestContext, standing: Standing, model: str, **further: Any) -> RequestContext:
    """Return the context as it goes on: it says who asks, for which model group, and what was found out `further`."""
    if not (standing.tags or standing.guardrails):
        return msgspec.structs.replace(ctx, credential="", principal=standing.principal, model=model, **further)
    return msgspec.structs.replace(
        ctx,
        **further,
        credential="",
        principal=standing.principal,
        model=model,
        tags=tuple(dict.fromkeys((*ctx.tags, *standing.tags))),
        wanted_guardrails=standing.guardrails,
    )


def _tokenized_as(model: str, offers: tuple[Offer, ...]) -> str:
    """Return the model by whose tokenizer a prompt is counted: the provider's name of it where that is known."""
    return offers[0].deployment.model if offers else model
