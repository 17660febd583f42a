"""Checks bodies: small ones at once, large ones in a helper process, a few at a time."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache

from services.guardrails.checks.registry import build
from services.guardrails.domain.documents import check_document
from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.policy import Policy, policy_of
from services.guardrails.domain.shapes import ANSWERS, REQUESTS
from shared.errors import Dialect
from shared.offload import INLINE_LIMIT, Offload
from shared.settings.file import GuardrailSettings

LARGE_AT_ONCE = 4
"""Large bodies that this worker has in memory for checking; the others wait for their turn, unread."""


class Inspection:
    """The configured guardrails over whole requests and answers."""

    def __init__(self, settings: Sequence[GuardrailSettings], offload: Offload) -> None:
        self.policy = policy_of(build(settings))
        self._settings = tuple(settings)
        self._offload = offload
        self.turn = asyncio.Semaphore(LARGE_AT_ONCE)
        """To be held from before a large body is fetched until it was checked."""

    def small_request(self, body: bytes, dialect: Dialect) -> bytes:
        """Return the request as it may go on, the same object if unchanged; raises `Blocked`."""
        return check_document(body, REQUESTS[dialect], self.policy.pre_call)

    async def request(self, body: bytes, dialect: Dialect) -> bytes:
        """Return a request of any size as it may go on; raises `Blocked`."""
        checked = await self._offload.run(check_request, body, dialect, self._settings)
        return body if checked is None else checked

    async def answer(self, body: bytes, dialect: Dialect) -> bytes:
        """Return an answer of any size as it may go out; raises `Blocked`, `Unreadable`."""
        if len(body) <= INLINE_LIMIT:
            return check_document(body, ANSWERS[dialect], self.policy.post_call)
        checked = await self._offload.run(check_answer, body, dialect, self._settings)
        return body if checked is None else checked


def check_request(body: bytes, dialect: Dialect, settings: tuple[GuardrailSettings, ...]) -> bytes | None:
    """Return the request as it may go on, None if unchanged; raises `Blocked`. Runs in the helper process."""
    return _changed(body, check_document(body, REQUESTS[dialect], _policy(settings).pre_call))


def check_answer(body: bytes, dialect: Dialect, settings: tuple[GuardrailSettings, ...]) -> bytes | None:
    """Return the answer as it may go out, None if unchanged; raises `Blocked`. Runs in the helper process."""
    return _changed(body, check_document(body, ANSWERS[dialect], _policy(settings).post_call))


def _changed(before: bytes, after: bytes) -> bytes | None:
    return None if after is before else after


@lru_cache(maxsize=2)
def _policy(settings: tuple[GuardrailSettings, ...]) -> Policy:
    guardrails: list[Guardrail] = build(settings)
    return policy_of(guardrails)
