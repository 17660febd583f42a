"""The clocks of a provider call."""

import asyncio

import pytest

from services.router.clocks import Clocks
from shared.alarms import Alarms
from shared.errors import DeadlinePassed, ProviderTimeout
from shared.settings.models import Timeouts

FAST = Timeouts(first_byte=0.05, first_token=0.05, between_tokens=0.05, total=60)


@pytest.mark.parametrize("clock", ["first_byte", "first_token", "between_tokens"])
async def test_a_clock_that_runs_out_says_which(clock: str) -> None:
    """Each clock ends the call as a time-out of the provider that tells what was waited for."""
    with pytest.raises(ProviderTimeout, match=r"0\.05 s"):
        async with Clocks(Alarms(), FAST, 60) as clocks:
            clocks.start(clock)  # type: ignore[arg-type]
            await asyncio.Event().wait()


async def test_a_clock_that_is_started_again_does_not_run_out() -> None:
    """A stream that goes on lives past the limit between two tokens, until the total."""
    rounds = 0
    with pytest.raises(ProviderTimeout, match="in all"):
        async with Clocks(Alarms(), Timeouts(between_tokens=2, total=3), 60) as clocks:
            while True:
                clocks.start("between_tokens")
                await asyncio.sleep(0.02)
                rounds += 1
    assert rounds > 1


async def test_the_deadline_comes_before_every_clock() -> None:
    """What remains of the request's time ends the call as a passed deadline."""
    with pytest.raises(DeadlinePassed):
        async with Clocks(Alarms(), Timeouts(), 0.2) as clocks:
            clocks.start("first_byte")
            await asyncio.Event().wait()


async def test_a_pause_stops_the_clock() -> None:
    """While a slow client is waited for, the provider's clocks stand still."""
    with pytest.raises(ProviderTimeout, match="in all"):
        async with Clocks(Alarms(), Timeouts(between_tokens=0.05, total=0.5), 60) as clocks:
            clocks.start("between_tokens")
            clocks.pause()
            await asyncio.Event().wait()


async def test_a_cancellation_from_outside_stays_one() -> None:
    """A client that leaves is no time-out."""

    async def call() -> None:
        async with Clocks(Alarms(), FAST, 60) as clocks:
            clocks.start("first_byte")
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
