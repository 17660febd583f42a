"""The way to the limiter on a real broker: nothing that a process says is lost, however the limiter comes and goes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from shared.bus.limit_door import LimiterDoor
from shared.bus.limits import LimiterAway, LimiterClient
from shared.bus.worker import Worker
from shared.schemas.events import Completion
from shared.schemas.limits import Ask, Quota, Released, Settled, Turn, TurnAnswered, Verdict
from tests.support.nats_server import NatsServer

QUOTA = Quota("key\x1fk", rpm=10)


class Desk:
    """Whoever answers: it notes every turn, and says yes unless told to be silent."""

    def __init__(self, worker: Worker) -> None:
        self.turns: list[Turn] = []
        self.silent = False
        self.door = LimiterDoor(worker.bus, self._take)

    def _take(self, turn: Turn) -> None:
        self.turns.append(turn)
        if not self.silent:
            verdicts = tuple(Verdict(ask.id) for ask in turn.asks)
            self.door.answer(turn.sender, TurnAnswered(verdicts, (turn.number,)))

    @property
    def settled(self) -> set[Settled]:
        """Everything that was settled."""
        return {settled for turn in self.turns for settled in turn.settled}

    @property
    def released(self) -> set[Released]:
        """Everything that was released."""
        return {released for turn in self.turns for released in turn.released}


def ask(id: str, seconds: float = 60.0) -> Ask:
    """A question for one request of a minute."""
    return Ask(id, "edge.e1", time.time() + seconds, (QUOTA,))


async def desk_of(worker: Worker) -> Desk:
    """An open desk."""
    desk = Desk(worker)
    await desk.door.open()
    await worker.bus.barrier()
    return desk


async def client_of(worker: Worker) -> LimiterClient:
    """A client that hears answers."""
    client = LimiterClient(worker)
    await client.start()
    await worker.bus.barrier()
    return client


def completion(id: str) -> Completion:
    """A completion that used nothing."""
    return Completion(id, "chat_completions", "openai", "demo", "success", 200, 1.0, 2.0, limited=True)


def nobody(verdict: Verdict) -> None:
    raise AssertionError(f"somebody waited for {verdict.id}")


async def test_what_is_at_hand_together_is_one_message(worker_on: Any, eventually: Callable[..., Any]) -> None:
    """Questions, settlements and releases of one loop turn leave together, and each question gets its verdict."""
    async with worker_on("auth") as auth, worker_on("edge") as edge:
        desk, client = await desk_of(auth), await client_of(edge)
        until = time.time() + 60
        verdicts = [client.ask(ask(f"r{number}"), until, nobody) for number in range(50)]
        client.settle_for(completion("r0"))
        client.release("r0", sent=True)
        assert [(await verdict).id for verdict in verdicts] == [f"r{number}" for number in range(50)]
        assert [ask.id for ask in desk.turns[0].asks] == [f"r{number}" for number in range(50)]
        assert desk.turns[0].settled == (Settled("r0", 0, 0, 2.0),)
        assert desk.turns[0].released == (Released("r0", True),)
        await eventually(lambda: client.unsettled == 0)
        assert client.asking == 0


async def test_without_an_answer_it_is_said_again(worker_on: Any, eventually: Callable[..., Any]) -> None:
    """A limiter that comes later, or that died before it answered, hears everything."""
    async with worker_on("auth") as auth, worker_on("edge") as edge:
        client = await client_of(edge)
        verdict = client.ask(ask("early"), time.time() + 60, nobody)
        client.settle_for(completion("early"))
        await edge.bus.barrier()
        await edge.bus.barrier()
        desk = await desk_of(auth)
        desk.silent = True
        await eventually(lambda: desk.settled == {Settled("early", 0, 0, 2.0)})
        desk.silent = False
        client.release("early", sent=False)
        assert (await asyncio.wait_for(verdict, 60)).id == "early"
        await eventually(lambda: client.unsettled == 0)
        assert desk.released == {Released("early", False)}
        assert client.repeated >= 2


async def test_a_broker_that_restarts_loses_nothing(
    worker_on: Any, nats_server: NatsServer, eventually: Callable[..., Any]
) -> None:
    """Everything said before, while and after the broker was away arrives."""
    async with worker_on("auth") as auth, worker_on("edge") as edge:
        desk, client = await desk_of(auth), await client_of(edge)
        for number in range(300):
            client.settle_for(completion(f"r{number}"))
            if number == 100:
                nats_server.stop()
            if number == 200:
                nats_server.start()
            await asyncio.sleep(0.002)
        await eventually(lambda: client.unsettled == 0)
        assert {settled.id for settled in desk.settled} == {f"r{number}" for number in range(300)}


async def test_a_question_without_an_answer_ends_in_time(worker_on: Any) -> None:
    """Where nobody decides, the caller is told to come again, and the question is asked no more."""
    async with worker_on("edge") as edge:
        client = await client_of(edge)
        began = time.monotonic()
        with pytest.raises(LimiterAway) as refused:
            await client.ask(ask("r1"), time.time() + 0.3, nobody)
        assert time.monotonic() - began < 30
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        assert client.asking == 0


async def test_a_verdict_that_nobody_waits_for_is_handed_on(worker_on: Any, eventually: Callable[..., Any]) -> None:
    """Whoever asked has left; the verdict goes to those who give back what it took."""
    orphans: list[Verdict] = []
    async with worker_on("auth") as auth, worker_on("edge") as edge:
        client = await client_of(edge)
        verdict = client.ask(ask("r1"), time.time() + 60, orphans.append)
        verdict.cancel()
        await desk_of(auth)
        await eventually(lambda: orphans == [Verdict("r1")])
