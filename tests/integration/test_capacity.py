"""How the router asks for a share of a deployment, on a real broker, whatever it is answered."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.router.capacity import Capacity
from services.router.domain.refusals import NoRoom
from shared.bus.limit_door import LimiterDoor
from shared.bus.limits import LimiterAway, LimiterClient
from shared.errors import Overloaded
from shared.schemas.limits import Ask, Quota, Refusal, Released, Turn, TurnAnswered, Verdict
from shared.schemas.scopes import Scope

SCOPE = Scope("deployment", "d").text
QUOTAS = (Quota(SCOPE, rpm=10, tpm=1000),)
ANSWER_SECONDS = 60.0
"""Far more than an answer takes; silence is told at a bound of its own."""

SILENT_SECONDS = 0.5

Answer = Callable[[Ask], Verdict | None]


@asynccontextmanager
async def capacity(
    worker_on: Any, answer: Answer, seconds: float = ANSWER_SECONDS
) -> AsyncIterator[tuple[Capacity, list[Turn]]]:
    """A router's way to a limiter that answers each question so, and the turns that came there."""
    turns: list[Turn] = []
    async with worker_on("auth") as auth, worker_on("router") as router:

        def take(turn: Turn) -> None:
            turns.append(turn)
            verdicts = tuple(verdict for ask in turn.asks if (verdict := answer(ask)) is not None)
            door.answer(turn.sender, TurnAnswered(verdicts, (turn.number,)))

        door = LimiterDoor(auth.bus, take)
        await door.open()
        client = LimiterClient(router)
        await client.start()
        for worker in (auth, router):
            await worker.bus.barrier()
        yield Capacity(client, router.address, seconds), turns
        await client.close()


async def test_a_share_is_asked_for_by_the_router_and_given_back(worker_on: Any) -> None:
    """The router owns it; what was used is settled by the attempt's id, and what was not sent is only released."""
    async with capacity(worker_on, lambda ask: Verdict(ask.id)) as (limits, turns):
        deadline = time.time() + 120
        await limits.take("r-0-1@d", QUOTAS, 300, deadline)
        asked = turns[0].asks[0]
        assert (asked.id, asked.owner, asked.deadline) == ("r-0-1@d", turns[0].sender, deadline)
        assert (asked.quotas, asked.tokens) == (QUOTAS, 300)
        limits.give_back("r-0-1@d", 17)
        limits.give_back("r-0-2@d", None)
    # What is not answered at once is said again.
    settled = {(each.id, each.tokens, each.cost) for turn in turns for each in turn.settled}
    assert settled == {("r-0-1@d", 17, 0)}
    released = {each for turn in turns for each in turn.released}
    assert released == {Released("r-0-1@d", sent=True), Released("r-0-2@d", sent=False)}


async def test_a_refused_share_is_no_share(worker_on: Any) -> None:
    """Nothing is given back of what was never had."""
    refusal = Refusal(SCOPE, "requests", 10, 10, retry_after=7.0)
    async with capacity(worker_on, lambda ask: Verdict(ask.id, refusal)) as (limits, turns):
        with pytest.raises(NoRoom) as caught:
            await limits.take("r-0-1@d", QUOTAS, 0, time.time() + 120)
        assert caught.value.retry_after == 7.0
        assert not caught.value.everywhere
    assert {turn.settled + turn.released for turn in turns} == {()}


async def test_a_limiter_that_is_full_admits_nobody(worker_on: Any) -> None:
    """Its word that it cannot take on more is 503, never a yes."""
    async with capacity(worker_on, lambda ask: Verdict(ask.id, full=True)) as (limits, _):
        with pytest.raises(Overloaded) as caught:
            await limits.take("r-0-1@d", QUOTAS, 0, time.time() + 120)
        assert caught.value.to_body().status == 503


async def test_silence_is_unavailable_at_the_bound(worker_on: Any) -> None:
    """503 with a time to come again, and what a late verdict may have given is released."""
    async with capacity(worker_on, lambda _: None, SILENT_SECONDS) as (limits, turns):
        began = time.monotonic()
        with pytest.raises(LimiterAway) as caught:
            await limits.take("r-0-1@d", QUOTAS, 0, time.time() + 120)
        assert SILENT_SECONDS <= time.monotonic() - began < 30
        assert caught.value.retry_after
    assert {each for turn in turns for each in turn.released} == {Released("r-0-1@d", sent=False)}
