"""Answers a chat request: deployments are tried in turn until one answers, within the request's one deadline."""

import asyncio
import random
from collections.abc import Sequence

import structlog

from services.router.accounting import Account
from services.router.attempt import Attempts, Superseded
from services.router.domain.choice import weighted_order
from services.router.domain.course import Course
from services.router.domain.refusals import NoRoom
from services.router.domain.retries import Next, after
from services.router.target import Target
from shared.bus.group_commit import EventWriter
from shared.bus.limits import LimiterAway, LimiterClient
from shared.bus.stage import Call
from shared.catalog.catalog import Catalog
from shared.errors import ProviderError, TollwayError, Unavailable
from shared.offload import INLINE_LIMIT
from shared.schemas.events import Outcome, encode_completion
from shared.telemetry.metrics import Metrics
from shared.wire.attempt_headers import FROM_PROVIDER, attempt_headers

log = structlog.get_logger(__name__)

DEFAULT_RETRIES = 2
MAX_RETRIES = 8
"""However many a caller's `num_retries` asks for."""


class Chat:
    """The handler of the routes whose body is a chat request."""

    def __init__(
        self,
        catalog: Catalog[Target],
        attempts: Attempts,
        writer: EventWriter,
        limiter: LimiterClient,
        metrics: Metrics,
    ) -> None:
        self._catalog = catalog
        self._attempts = attempts
        self._writer = writer
        self._limiter = limiter
        self._metrics = metrics

    async def answer(self, call: Call) -> None:
        """Answer the request on its lane; raises the `TollwayError` that it ends with."""
        if self._writer.full:
            raise Unavailable("the record of requests is full; the gateway takes no new ones", retry_after=5)
        model = call.ctx.model
        targets = self._catalog.known(model) or await self._catalog.group(model)
        body = call.inline
        if body is None:
            body = await call.read_body()
        account = Account(call.ctx, self._metrics)
        try:
            await self._try_in_turn(call, account, _order(targets), body)
        except Superseded:
            log.info("router.request_superseded", request_id=call.ctx.id)
            self._record(account, "cancelled", 499, "client_closed_request")
        except asyncio.CancelledError:
            self._record(account, "cancelled", 499, "client_closed_request")
            raise
        except TollwayError as error:
            told = error.to_body()
            self._record(account, "interrupted" if call.lane.started else "failure", told.status, told.code)
            if account.attempts:
                error.tell(*attempt_headers(account.last_deployment, account.attempts))
            if isinstance(error, ProviderError):
                error.tell(FROM_PROVIDER)
            raise
        finally:
            if len(body) > INLINE_LIMIT:
                # What was sent was let go of just now. Giving back the memory of both at once takes milliseconds.
                await asyncio.sleep(0)

    async def _try_in_turn(self, call: Call, account: Account, order: Sequence[Target], body: bytes) -> None:
        course = Course(order)
        while (target := course.next()) is not None:
            try:
                await self._attempts.run(call, account, target, body)
                return
            except NoRoom as error:
                course.refused(error)
            except LimiterAway as error:
                course.unanswered(error, lambda other: self._attempts.limited(call, other))
            except ProviderError as error:
                self._tell(call, target, error)
                following = after(error)
                if call.lane.started or following is Next.GIVE_UP or account.attempts > _retries(account):
                    raise
                course.failed(target, error, following)
        raise course.error

    def _tell(self, call: Call, target: Target, error: ProviderError) -> None:
        """Log a failed attempt: aloud where the operator is to act, in passing where the caller is to blame."""
        told = error.to_body()
        write = log.warning if told.status in (401, 403) or told.status >= 500 else log.info
        write(
            "router.attempt_failed",
            request_id=call.ctx.id,
            model=call.ctx.model,
            deployment=target.id,
            provider=target.provider.name,
            host=target.url("").host,
            status=told.status,
            code=told.code,
            reason=error.reason,
        )

    def _record(self, account: Account, outcome: Outcome, status: int, code: str) -> None:
        if account.attempts:
            completion = account.completion(outcome, status, code)
            self._writer.persist(encode_completion(completion), lambda: self._limiter.settle_for(completion))


def _order(targets: Sequence[Target]) -> Sequence[Target]:
    if len(targets) == 1:
        return targets
    return weighted_order([(target, target.deployment.weight) for target in targets], random.random)


def _retries(account: Account) -> int:
    asked = account.own.num_retries
    return DEFAULT_RETRIES if asked is None else max(0, min(asked, MAX_RETRIES))
