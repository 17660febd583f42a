"""The clocks of one provider call: whichever runs out ends the call with its name."""

import asyncio
import time
from types import TracebackType
from typing import Literal

from shared.alarms import RESOLUTION, Alarms
from shared.errors import DeadlinePassed, ProviderTimeout
from shared.settings.models import Timeouts

Clock = Literal["first_byte", "first_token", "between_tokens"]

_MEANING: dict[Clock, str] = {
    "first_byte": "the provider sent no answer within {limit:g} s",
    "first_token": "the provider sent no first token within {limit:g} s",
    "between_tokens": "the provider's stream stood still for {limit:g} s",
}

DEADLINE_MARGIN = 2 * RESOLUTION
"""Seconds before the request's deadline at which the call ends, so that its end can still be told and recorded."""


class Clocks:
    """An async context in which one clock at a time runs, beside the total and the request's deadline.

    Setting a clock moves a number, since a stream sets it with each chunk. The connect clock is the connection
    pool's own.
    """

    def __init__(self, alarms: Alarms, timeouts: Timeouts, remaining: float) -> None:
        self._alarms = alarms
        self._timeouts = timeouts
        now = time.monotonic()
        self._deadline = now + remaining - DEADLINE_MARGIN
        self._total = now + timeouts.total
        self._end = min(self._deadline, self._total)
        self._clock: Clock | None = None
        self._rang = False

    def start(self, clock: Clock) -> None:
        """Let this clock run from now on, instead of the one before."""
        self._clock = clock
        self._alarm.when = min(time.monotonic() + getattr(self._timeouts, clock), self._end)

    def pause(self) -> None:
        """Let only the total and the deadline run: the provider is not what we wait for."""
        self._clock = None
        self._alarm.when = self._end

    async def __aenter__(self) -> "Clocks":
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._task, self._cancelling = task, task.cancelling()
        self._alarm = self._alarms.add(self._end, self._ring)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alarms.drop(self._alarm)
        # As in asyncio.timeout: a cancellation from outside that came beside ours stays one.
        if self._rang and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._expired() from None

    def _ring(self) -> None:
        self._rang = True
        self._task.cancel()

    def _expired(self) -> DeadlinePassed | ProviderTimeout:
        now = time.monotonic()
        if now >= self._deadline:
            return DeadlinePassed("the request took longer than its deadline allows")
        if self._clock is None or now >= self._total:
            return ProviderTimeout(f"the provider took longer than {self._timeouts.total:g} s in all")
        return ProviderTimeout(_MEANING[self._clock].format(limit=getattr(self._timeouts, self._clock)))
