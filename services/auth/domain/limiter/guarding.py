"""What stands between one question that cannot be decided and everybody else's."""

from collections.abc import Callable
from typing import Protocol

from services.auth.domain.limiter.draft import Draft
from shared.schemas.limits import Ask

Step = Callable[[Ask, float, Draft, str], bool]
"""A step of deciding a question."""


class Guard(Protocol):
    """Takes a step, and returns what it returned; None where it failed and left the tables as they were."""

    def __call__(self, step: Step, ask: Ask, patience: float, draft: Draft, line: str) -> bool | None: ...


def unguarded(step: Step, ask: Ask, patience: float, draft: Draft, line: str) -> bool | None:
    """Take a step whose faults are the caller's."""
    return step(ask, patience, draft, line)
