"""Tells the operator what guardrails stopped; never the text that they stopped."""

import asyncio
import contextlib
import time
from typing import Literal

import msgspec
import structlog

from services.guardrails.domain.guardrail import Blocked
from shared.bus.group_commit import EventWriter
from shared.schemas.completions import completion_of
from shared.schemas.context import Principal, RequestContext
from shared.schemas.events import Completion, encode_completion
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class Verdicts:
    """Logs and counts what was stopped, and has the ledger say it."""

    def __init__(self, metrics: Metrics, writer: EventWriter, patience: float) -> None:
        """Take the seconds that a caller waits at most for a verdict to be stored."""
        self._metrics = metrics
        self._writer = writer
        self._patience = patience

    def blocked(self, request: str, what: Literal["request", "answer"], verdict: Blocked) -> None:
        """Note that a request or its answer was stopped."""
        log.info("guardrails.blocked", request_id=request, what=what, guardrail=verdict.guardrail)
        self._metrics.verdict(verdict.guardrail, f"{what}_blocked")

    async def book(self, ctx: RequestContext, verdict: Blocked) -> None:
        """Store that an answer was stopped; return once that is safe, or has taken too long.

        It goes on being tried after that, so a caller is told of a verdict whatever becomes of the broker.
        """
        stored = asyncio.Event()
        self._writer.persist(encode_completion(_completion(ctx, verdict)), stored.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await stored.wait()


def _completion(ctx: RequestContext, verdict: Blocked) -> Completion:
    told = verdict.to_body()
    completion = completion_of(
        ctx,
        ctx.principal or Principal("key_holder"),
        (),
        "failure",
        told.status,
        time.time(),
        error_code=told.code,
        stream=ctx.stream,
        model_group=ctx.model,
    )
    # What the request holds at the limiter is settled by the router's event, which says what was used.
    return msgspec.structs.replace(completion, blocked_by=verdict.guardrail, limited=False)
