"""What is told of a call when it is over: usage, cost, and the completion event."""

from dataclasses import dataclass

import msgspec

from services.passthrough.domain.copies import Reading
from services.passthrough.domain.operations import Meaning
from services.passthrough.domain.targets import Target
from shared.pricing.prices import Cost, Price
from shared.pricing.usage import Usage
from shared.schemas.context import RequestContext
from shared.schemas.events import Attempt, Completion, Outcome

ROUTE = "passthrough"
"""The route's name in the ledger; the deployment says which one it was."""

BYTES_PER_TOKEN = 4
"""The stated estimate of input that no provider counted: a token for each four bytes of the request's body."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a provider, as far as it is known before its answer."""

    attempt: str
    """The attempt's id."""
    target: Target
    meaning: Meaning
    model: str
    body_bytes: int
    started: float


@dataclass(frozen=True, slots=True)
class End:
    """How it ended."""

    outcome: Outcome
    status: int
    ended: float
    code: str = ""
    stream: bool = False


def estimate_of(body_bytes: int, output: int = 0) -> Usage:
    """Return the usage that is assumed where none is reported; it says that it is an estimate."""
    return Usage(input=-(-body_bytes // BYTES_PER_TOKEN), output=output, estimated=True)


def usage_of(call: Call, reading: Reading | None, end: End) -> Usage | None:
    """Return what the call used: as reported, or estimated where a stream told nothing or not all; else None.

    A stream that was cut has reported its input at most, so the output is what was seen of it.
    """
    if reading is None or end.status >= 400 or call.meaning != "metered":
        return None
    usage = reading.usage
    if usage is None:
        return estimate_of(call.body_bytes, reading.tokens) if reading.tokens else None
    if end.outcome != "success" and reading.tokens > usage.completion_tokens:
        return msgspec.structs.replace(usage, output=reading.tokens - usage.reasoning, estimated=True)
    return usage


def cost_of(call: Call, usage: Usage | None, price: Price, end: End) -> Cost:
    """Return what the call cost; what may have cost something that nobody told is `unpriced`."""
    if end.status >= 400 and end.outcome != "cancelled":
        return Cost(0, False, "")
    if call.target.vendor is None:
        flat = call.target.cost_per_request
        return Cost(flat or 0, flat is None, "" if flat is None else "cost_per_request")
    if usage is not None:
        return price.cost(usage, call.started)
    return Cost(0, call.meaning != "free", "")


def completion_of(ctx: RequestContext, call: Call, usage: Usage | None, cost: Cost, end: End) -> Completion:
    """Return the event of a pass-through request, shaped as on every other route."""
    principal = ctx.principal
    attempt = Attempt(
        id=call.attempt,
        deployment=call.target.name,
        provider=call.target.provider,
        model=call.model,
        started=call.started,
        ended=end.ended,
        outcome=end.outcome,
        status=end.status,
        usage=usage or Usage(),
        cost=cost.nano,
        unpriced=cost.unpriced,
        price_version=cost.version,
    )
    return Completion(
        request_id=ctx.id,
        route=ROUTE,
        dialect=ctx.dialect,
        model_group=call.model,
        outcome=end.outcome,
        status=end.status,
        error_code=end.code,
        stream=end.stream,
        received=ctx.received,
        ended=end.ended,
        key=principal.key if principal else "",
        key_alias=principal.key_alias if principal else "",
        user=principal.user if principal else "",
        team=principal.team if principal else "",
        organization=principal.organization if principal else "",
        label=ctx.label,
        client=ctx.client,
        attempts=(attempt,),
    )
