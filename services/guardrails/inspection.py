"""Checks bodies: at once where that is quick, in a helper process, a few at a time, where it is not."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache

from services.guardrails.checks.registry import build
from services.guardrails.domain.documents import check_document, needs_a_closer_look
from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.places import Shape
from services.guardrails.domain.policy import Policy, policy_of
from services.guardrails.domain.shapes import ANSWERS, REQUESTS
from shared.errors import Dialect
from shared.offload import INLINE_LIMIT, Offload
from shared.settings.guardrails import GuardrailSettings

CLOSE_LOOK_BYTES = 4 * 1024
"""Up to this size a body is judged text by text in the loop; it takes up to 4 ms, where every text holds a match."""

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

    def request_at_once(self, body: bytes, dialect: Dialect) -> bytes | None:
        """Return the request as it may go on, the same object if unchanged; None if that would hold up others.

        Raises `Blocked`.
        """
        return _at_once(body, REQUESTS[dialect], self.policy.pre_call)

    async def request(self, body: bytes, dialect: Dialect) -> bytes:
        """Return a request of any size as it may go on; raises `Blocked`."""
        checked = await self._offload.away(check_request, body, dialect, self._settings)
        return body if checked is None else checked

    async def answer(self, body: bytes, dialect: Dialect) -> bytes:
        """Return an answer of any size as it may go out; raises `Blocked`, `Unreadable`."""
        at_once = _at_once(body, ANSWERS[dialect], self.policy.post_call)
        if at_once is not None:
            return at_once
        checked = await self._offload.away(check_answer, body, dialect, self._settings)
        return body if checked is None else checked


def _at_once(body: bytes, shape: Shape, guardrails: Sequence[Guardrail]) -> bytes | None:
    if len(body) > INLINE_LIMIT:
        return None
    if len(body) <= CLOSE_LOOK_BYTES:
        return check_document(body, shape, guardrails)
    return None if needs_a_closer_look(body, shape, guardrails) else body


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
