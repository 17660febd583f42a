"""What stands in the ledger for a request whose worker died after it had called a provider."""

from shared.pricing.usage import Usage
from shared.schemas.completions import completion_of
from shared.schemas.context import RequestContext
from shared.schemas.events import Attempt, Completion
from shared.schemas.frames import Sent


def lost_completion(ctx: RequestContext, sent: Sent, now: float) -> Completion:
    """Return the estimated completion: the input as counted before the call, since nobody knows the output."""
    attempt = Attempt(
        id=sent.attempt,
        deployment=sent.deployment,
        provider=sent.provider,
        model=sent.model,
        started=ctx.received,
        ended=now,
        outcome="lost",
        status=502,
        usage=Usage(input=sent.input, estimated=True),
        cost=sent.cost,
        unpriced=sent.unpriced,
        price_version=sent.price_version,
    )
    return completion_of(
        ctx,
        sent.principal,
        (attempt,),
        "lost",
        502,
        now,
        error_code="worker_lost",
        stream=ctx.stream,
        model_group=ctx.model,
        estimated=True,
        limited=sent.limited,
    )
