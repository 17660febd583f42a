"""The clocks of one provider call: whichever runs out ends the call with its name."""

import asyncio
from types import TracebackType
from typing import Literal

from shared.errors import DeadlinePassed, ProviderTimeout
from shared.settings.file import Timeouts

Clock = Literal["first_byte", "first_token", "between_tokens"]

_MEANING: dict[Clock, str] = {
    "first_byte": "the provider sent no answer within {limit:g} s",
    "first_token": "the provider sent no first token within {limit:g} s",
    "between_tokens": "the provider's stream stood still for {limit:g} s",
}

DEADLINE_MARGIN = 0.02
"""Seconds before the request's deadline at which the call ends, so that its end can still be told and recorded."""


class Clocks:
    """An async context in which one clock at a time runs, beside the total and the request's deadline.

    Setting a clock moves a number; the timer behind it follows lazily, since a stream sets it with each chunk.
    The connect clock is the HTTP client's own.
    """

    def __init__(self, timeouts: Timeouts, remaining: float) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._timeouts = timeouts
        now = loop.time()
        self._deadline = now + remaining - DEADLINE_MARGIN
        self._total = now + timeouts.total
        self._end = min(self._deadline, self._total)
        self._clock: Clock | None = None
        self._expires = self._end
        self._fired = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self, clock: Clock) -> None:
        """Let this clock run from now on, instead of the one before."""
        self._clock = clock
        self._expires = min(self._loop.time() + getattr(self._timeouts, clock), self._end)
        if self._timer is not None and self._timer.when() > self._expires:
            self._arm()

    def pause(self) -> None:
        """Let only the total and the deadline run: the provider is not what we wait for."""
        self._clock = None
        self._expires = self._end

    async def __aenter__(self) -> "Clocks":
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._task, self._cancelling = task, task.cancelling()
        self._arm()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # As in asyncio.timeout: a cancellation from outside that came beside ours stays one.
        if self._fired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._expired() from None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._expires, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        if now >= self._expires:
            self._fired = True
            self._task.cancel()
        else:
            self._arm()

    def _expired(self) -> DeadlinePassed | ProviderTimeout:
        now = self._loop.time()
        if now >= self._deadline:
            return DeadlinePassed("the request took longer than its deadline allows")
        if self._clock is None or now >= self._total:
            return ProviderTimeout(f"the provider took longer than {self._timeouts.total:g} s in all")
        return ProviderTimeout(_MEANING[self._clock].format(limit=getattr(self._timeouts, self._clock)))
