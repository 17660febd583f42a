"""What a deployment and its model group may be asked for: the limiter decides, before a provider is called."""

import time
from collections.abc import Callable, Iterable

from services.router.domain.shares import group_quotas
from services.router.target import Target
from shared.bus.limits import LimiterClient
from shared.bus.stage import Call
from shared.errors import RateLimited
from shared.schemas.limits import Ask, Quota, Verdict
from shared.settings import ModelGroup


class NoRoom(RateLimited):
    """A deployment, or its model group, is at a limit of its own; another deployment may have room."""


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

    async def take(self, call: Call, id: str, quotas: tuple[Quota, ...], tokens: Callable[[], int]) -> None:
        """Take a share for the attempt `id`; raise `NoRoom` where there is none.

        `tokens` is asked for the attempt's estimated tokens where they are limited.
        """
        deadline = call.ctx.deadline
        size = tokens() if any(quota.tpm is not None for quota in quotas) else 0
        until = min(deadline, time.time() + self._answer_seconds)
        ask = Ask(id, self._address, deadline, quotas, size)
        try:
            verdict = await self._limiter.ask(ask, until, self._orphaned)
        except BaseException:
            # Nobody else knows of the attempt: whatever it was given goes back.
            self._limiter.release(id, sent=False)
            raise
        if (refusal := verdict.refusal) is not None:
            raise NoRoom(
                "The model is at its limit; try again shortly.",
                retry_after=refusal.retry_after,
                headers=(("x-tollway-limit-scope", "model"), ("x-tollway-limit-measure", refusal.measure)),
            )

    def give_back(self, id: str, tokens: int | None) -> None:
        """Say what an attempt used, None where no provider was called, and that it is over."""
        if tokens is not None:
            self._limiter.settle(id, tokens, 0, time.time())
        self._limiter.release(id, sent=tokens is not None)

    def _orphaned(self, verdict: Verdict) -> None:
        self._limiter.release(verdict.id, sent=False)
