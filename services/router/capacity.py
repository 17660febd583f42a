"""What a deployment and its model group may be asked for: the limiter decides, before a provider is called."""

import time
from collections.abc import Iterable

from services.router.domain.refusals import no_room
from services.router.domain.shares import group_quotas
from services.router.target import Target
from shared.bus.limits import LimiterClient
from shared.errors import InternalError, Overloaded
from shared.schemas.limits import Ask, Quota, Verdict
from shared.settings import ModelGroup


class Capacity:
    """Takes a share before each attempt at a deployment with limits, and gives it back after it."""

    def __init__(self, limiter: LimiterClient, address: str, answer_seconds: float) -> None:
        self._limiter = limiter
        self._address = address
        self._answer_seconds = answer_seconds
        self._groups: dict[str, tuple[Quota, ...]] = {}

    def configure(self, groups: Iterable[ModelGroup]) -> None:
        """Take over the limits of the configuration's model groups."""
        self._groups = {group.model_name: found for group in groups if (found := group_quotas(group))}

    def quotas(self, target: Target, group: str) -> tuple[Quota, ...]:
        """Return what an attempt counts in; nothing where neither has a limit."""
        return target.quotas + self._groups[group] if group in self._groups else target.quotas

    async def take(self, id: str, quotas: tuple[Quota, ...], tokens: int, deadline: float) -> None:
        """Take a share for the attempt `id`, with its estimated tokens; `deadline` is the request's.

        Raises `NoRoom` where there is none, `LimiterAway` where nobody answers, `Overloaded` where the limiter cannot
        take on more, and `InternalError` where the question itself was a fault.
        """
        until = min(deadline, time.time() + self._answer_seconds)
        ask = Ask(id, self._address, deadline, quotas, tokens)
        try:
            verdict = await self._limiter.ask(ask, until, self._orphaned)
        except BaseException:
            # Nobody else knows of the attempt: whatever it was given goes back.
            self._limiter.release(id, sent=False)
            raise
        if verdict.failed:
            self._limiter.release(id, sent=False)
            raise InternalError("The limits of the model could not be checked.")
        if verdict.full:
            raise Overloaded("the gateway keeps as many limits as it can; try again shortly", retry_after=5)
        if verdict.refusal is not None:
            raise no_room(verdict.refusal, verdict)

    def give_back(self, id: str, tokens: int | None) -> None:
        """Say what an attempt used, None where no provider was called, and that it is over."""
        if tokens is not None:
            self._limiter.settle(id, tokens, 0, time.time())
        self._limiter.release(id, sent=tokens is not None)

    def _orphaned(self, verdict: Verdict) -> None:
        self._limiter.release(verdict.id, sent=False)
