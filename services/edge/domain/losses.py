"""What stands in the ledger for a request whose worker died after it had called a provider."""

from shared.pricing.usage import Usage
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
    who = sent.principal
    return Completion(
        request_id=ctx.id,
        route=ctx.route,
        dialect=ctx.dialect,
        model_group=ctx.model,
        outcome="lost",
        status=502,
        received=ctx.received,
        ended=now,
        error_code="worker_lost",
        stream=ctx.stream,
        key=who.key,
        key_alias=who.key_alias,
        user=who.user,
        team=who.team,
        organization=who.organization,
        end_user=ctx.end_user,
        label=ctx.label,
        client=ctx.client,
        tags=ctx.tags,
        attempts=(attempt,),
        estimated=True,
    )
