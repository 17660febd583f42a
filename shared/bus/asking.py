"""Asks the limiter whether a request may begin."""

import time
from collections.abc import Iterable

import structlog

from shared.bus.limits import LimiterClient
from shared.bus.stage import Call
from shared.bus.worker import Worker
from shared.errors import InternalError, Overloaded, Unavailable
from shared.schemas.limits import Admitted, Ask, Quota, Verdict
from shared.schemas.scopes import Scope
from shared.settings.admission import LimitSettings
from shared.wire.scope_refusals import error_of

log = structlog.get_logger(__name__)


class Asking:
    """The way from a request's quotas to its admission."""

    def __init__(self, worker: Worker, limiter: LimiterClient, settings: LimitSettings) -> None:
        self._worker = worker
        self._limiter = limiter
        self._settings = settings

    async def admit(
        self,
        call: Call,
        quotas: tuple[Quota, ...],
        *,
        tokens: int = 0,
        cost: int = 0,
        wait: float = 0.0,
        tenant: str = "",
    ) -> Admitted:
        """Return what the request goes on with once it is admitted.

        Raises `RateLimited` or `BudgetExceeded` for a refusal, `Unavailable` where there is no answer in time, and
        `InternalError` where the question itself was a fault.
        """
        ctx = call.ctx
        owner = ctx.edge.removeprefix("tollway.")
        ask = Ask(ctx.id, owner, ctx.deadline, quotas, tokens, cost, wait, tenant)
        until = min(ctx.deadline, time.time() + self._settings.answer_seconds + wait)
        # Until there is a verdict the edge must take it that the request holds something, however it ends.
        call.lane.admitted = Admitted()
        verdict = await self._limiter.ask(ask, until, lambda late: self._orphaned(ctx.edge, late))
        if verdict.failed:
            # What it holds from before, if anything, goes back with its end.
            raise InternalError("The limits that hold here could not be checked.")
        if verdict.full:
            call.lane.admitted = None
            raise Overloaded("the gateway keeps as many limits as it can; try again shortly", retry_after=5)
        if verdict.refusal is not None:
            call.lane.admitted = None
            raise error_of(verdict.refusal, verdict, self._settings.budget_exceeded_status)
        admitted = Admitted(verdict.requests, verdict.tokens, _kinds(verdict.soft))
        if admitted.soft:
            log.info("limits.soft_budget_exceeded", request_id=ctx.id, scopes=admitted.soft)
        call.lane.admitted = admitted
        return admitted

    def _orphaned(self, edge: str, verdict: Verdict) -> None:
        """Tell the edge of an admission that nobody waited for: the request it was for may be over."""
        if verdict.refusal is None:
            try:
                self._worker.announce_admitted(edge, verdict.id)
            except Unavailable as error:
                log.warning("limits.admission_not_told", reason=error.message)


def _kinds(scopes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(Scope.parse(scope).kind for scope in scopes))
