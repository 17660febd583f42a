"""The completion event of a request, put together in one way by whoever ends it."""

from shared.schemas.context import Principal, RequestContext
from shared.schemas.events import Attempt, Completion, Outcome


def completion_of(
    ctx: RequestContext,
    who: Principal,
    attempts: tuple[Attempt, ...],
    outcome: Outcome,
    status: int,
    ended: float,
    *,
    error_code: str = "",
    stream: bool,
    model_group: str,
    end_user: str = "",
    tags: tuple[str, ...] = (),
    metadata: str = "",
    estimated: bool = False,
    limited: bool = False,
    group_exists: bool = False,
) -> Completion:
    """Return the event; `ended` is Unix seconds.

    `end_user` and `tags` are what the body said: the header's end user wins over it, tags are added to the headers'.
    """
    return Completion(
        request_id=ctx.id,
        route=ctx.route,
        dialect=ctx.dialect,
        model_group=model_group,
        outcome=outcome,
        status=status,
        received=ctx.received,
        ended=ended,
        error_code=error_code,
        stream=stream,
        key=who.key,
        key_alias=who.key_alias,
        user=who.user,
        team=who.team,
        organization=who.organization,
        end_user=ctx.end_user or end_user,
        label=ctx.label,
        client=ctx.client,
        tags=tuple(dict.fromkeys((*ctx.tags, *tags))),
        metadata=metadata,
        attempts=attempts,
        guardrails=ctx.guardrails,
        estimated=estimated,
        limited=limited or ctx.limited,
        group_exists=group_exists,
    )
