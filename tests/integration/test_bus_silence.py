"""What silence proves, and what it does not: who may repeat a request, and who may send it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from shared.bus.beats import SEND_WITHIN
from shared.bus.connection import Bus, BusUnavailable
from shared.bus.credit import ANSWER_WINDOW
from shared.bus.envelope import join
from shared.bus.group_commit import EventsNotStored, EventWriter
from shared.bus.lane_reader import HolderLost, Lanes
from shared.bus.permission import may_send
from shared.bus.setup import ensure_streams
from shared.bus.worker import Worker
from shared.schemas.context import Principal, RequestContext
from shared.schemas.frames import FrameHeader, Sent
from tests.support.nats_cluster import NatsCluster


def context(lanes: Lanes, token: str, *, send_within: float = SEND_WITHIN) -> RequestContext:
    """Return the context of a request whose answer goes to one of these lanes."""
    now = time.time()
    return RequestContext(
        id=token,
        lane=lanes.subject(token),
        edge=lanes.prefix,
        route="chat_completions",
        dialect="openai",
        deadline=now + 60,
        send_by=now + send_within,
        received=now,
        credit=ANSWER_WINDOW,
    )


def notice(token: str) -> Sent:
    """Return what an edge is told before a provider is called."""
    return Sent(token, "a1", "d", "demo", "demo", Principal("key_holder", key="k"))


async def lanes_of(worker: Any) -> Lanes:
    """Return the lanes that a worker reads."""
    lanes = Lanes(worker)
    await lanes.start()
    await worker.bus.barrier()
    return lanes


async def test_silence_proves_nothing_while_the_broker_does_not_answer(nats_server: Any, worker_on: Any) -> None:
    """A notice may stand in a frozen broker, so a lane that falls silent meanwhile is not to be repeated."""
    async with worker_on("edge") as edge:
        lanes = await lanes_of(edge)
        lane = lanes.open("r1", ANSWER_WINDOW)
        nats_server.signal(signal.SIGSTOP)
        try:
            with pytest.raises(HolderLost) as lost:
                await lane.next(60)
        finally:
            nats_server.signal(signal.SIGCONT)
        assert not lost.value.repeatable


async def test_a_barrier_that_was_given_up_does_not_deafen(nats_server: Any, worker_on: Any, eventually: Any) -> None:
    """The broker's late answer to it is taken as what it is, and messages go on coming over the same connection."""
    async with worker_on("edge") as edge:
        lanes = await lanes_of(edge)
        reconnects: list[int] = []

        async def count() -> None:
            reconnects.append(1)

        edge.bus.on_reconnect(count)
        lane = lanes.open("r1", ANSWER_WINDOW)
        nats_server.signal(signal.SIGSTOP)
        try:
            with pytest.raises(BusUnavailable):
                await edge.bus.barrier(timeout=1)
        finally:
            nats_server.signal(signal.SIGCONT)
        await edge.bus.barrier()
        edge.bus.publish(lanes.subject("r1"), join(FrameHeader(0), b"heard"))
        frame = await lane.next(60)
        assert frame is not None
        assert frame[1] == b"heard"
        assert reconnects == []


async def test_a_late_worker_asks_and_one_answer_rules_out_the_other(worker_on: Any) -> None:
    """Who was allowed to send late is not replaced; whose lane is gone may not send; who hears nothing may not."""
    async with worker_on("edge") as edge, worker_on("router") as router:
        lanes = await lanes_of(edge)
        lane = lanes.open("r1", ANSWER_WINDOW)
        assert await may_send(router, context(lanes, "r1", send_within=-1), notice("r1"))
        assert lane.doubtful
        lane.close()
        assert not await may_send(router, context(lanes, "r1", send_within=-1), notice("r1"))
        nobody = RequestContext(
            **{
                name: getattr(context(lanes, "r1", send_within=-1), name)
                for name in ("id", "lane", "route", "dialect", "deadline", "send_by", "received", "credit")
            },
            edge="tollway.edge.nobody",
        )
        with pytest.raises(BusUnavailable):
            await may_send(router, nobody, notice("r1"))


async def test_who_is_cancelled_takes_nobody_with_it(worker_on: Any) -> None:
    """Notices of one turn leave together, yet each request waits for itself alone."""
    async with worker_on("edge") as edge, worker_on("router") as router:
        lanes = await lanes_of(edge)
        asked = {}
        for number in range(3):
            token = f"r{number}"
            lanes.open(token, ANSWER_WINDOW)
            asked[token] = asyncio.ensure_future(may_send(router, context(lanes, token), notice(token)))
        await asyncio.sleep(0)
        asked["r1"].cancel()
        answers = await asyncio.gather(*asked.values(), return_exceptions=True)
        assert [answers[0], answers[2]] == [True, True]
        assert isinstance(answers[1], asyncio.CancelledError)


async def test_in_a_cluster_the_edge_has_the_word(tmp_path: Path) -> None:
    """A notice that stays in a broker that hangs sends nothing, since the edge at another one never hears of it."""
    with NatsCluster(tmp_path) as cluster:
        workers = []
        for service, name in (("edge", "n1"), ("router", "n2")):
            bus = await Bus.connect(f"nats://127.0.0.1:{cluster.ports[name]}", name=service, inbox=service)
            worker = Worker(bus, service, name)
            await worker.start()
            workers.append(worker)
        edge, router = workers
        try:
            lanes = await lanes_of(edge)
            lane = lanes.open("r1", ANSWER_WINDOW)
            async with asyncio.timeout(60):
                while not {"n1", "n2"} <= (edge.present() or set()):
                    await asyncio.sleep(0.05)
            assert await may_send(router, context(lanes, "r1"), notice("r1"))
            assert lane.sent is not None
            cluster.send("n2", signal.SIGSTOP)
            with pytest.raises(BusUnavailable):
                await may_send(router, context(lanes, "r2"), notice("r2"))
        finally:
            cluster.send("n2", signal.SIGCONT)
            for worker in workers:
                await worker.close()
                await worker.bus.close()


async def test_a_request_that_was_cancelled_is_not_sent(worker_on: Any, eventually: Any) -> None:
    """The cancellation of an epoch covers the earlier ones and no later one."""
    async with worker_on("edge") as edge, worker_on("router") as router:
        lanes = await lanes_of(edge)
        lanes.open("r1", ANSWER_WINDOW)
        edge.cancel("r1", 1)
        await eventually(lambda: len(router.cancelled) == 1)
        assert not await may_send(router, context(lanes, "r1"), notice("r1"))
        assert await may_send(router, context(lanes, "r2"), notice("r2"))


SLEEPER = """
import asyncio, sys, time
from shared.bus.connection import Bus
from shared.bus.lane_writer import ReplyLane
from shared.bus.worker import Worker

async def main(url, subject):
    worker = Worker(await Bus.connect(url, name="router", inbox="router"), "router", "sleeper")
    await worker.start()
    lane = ReplyLane(worker, subject, 1 << 20)
    lane.when_reader_gone(lambda: print("gone", flush=True))
    await lane.send(b"begun")
    print("begun", flush=True)
    while not lane.closed:
        await asyncio.sleep(0.05)
        if sys.stdin in __import__("select").select([sys.stdin], [], [], 0)[0]:
            break
    print("closed" if lane.closed else "open", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_worker_that_slept_does_not_take_its_readers_for_gone(nats_server: Any, worker_on: Any) -> None:
    """After a pause of its own a worker first reads what came meanwhile; its answers go on."""
    async with worker_on("edge") as edge:
        lanes = await lanes_of(edge)
        lane = lanes.open("r1", ANSWER_WINDOW)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SLEEPER, nats_server.url, lanes.subject("r1"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()},
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert await asyncio.wait_for(process.stdout.readline(), 60) == b"begun\n"
            frame = await lane.next(60)
            assert frame is not None
            heard = lane.heard
            while lane.heard == heard:  # its first beat
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(3.2)
            process.send_signal(signal.SIGCONT)
            heard = lane.heard
            async with asyncio.timeout(60):
                while lane.heard == heard:
                    await asyncio.sleep(0.02)
            process.stdin.write(b"enough\n")
            assert await asyncio.wait_for(process.stdout.readline(), 60) == b"open\n"
            assert lane.alive
        finally:
            process.kill()
            await process.wait()


async def test_every_event_waits_as_long_as_it_may_and_no_longer(nats_server: Any, worker_on: Any) -> None:
    """While JetStream stalls, an event that was queued behind a batch fails when its own time is over."""
    async with worker_on("router") as router:
        await ensure_streams(router.bus)
        writer = EventWriter(router.bus, stall_seconds=1.0)
        await writer.start()
        nats_server.signal(signal.SIGSTOP)
        try:
            waiting = []
            for number in range(4):
                waiting.append(asyncio.ensure_future(_fails(writer, number)))
                await asyncio.sleep(0.2)
            first, *queued = await asyncio.gather(*waiting)
        finally:
            nats_server.signal(signal.SIGCONT)
        # The best of them: one that fails with the batch before it waits for two.
        assert min(queued) < 2.0
        assert max(first, *queued) < 30.0
        await writer.close(1)


async def _fails(writer: EventWriter, number: int) -> float:
    """Return how long an event waited until it failed."""
    began = time.monotonic()
    with pytest.raises(EventsNotStored):
        await writer.store(b'{"n":%d}' % number)
    return time.monotonic() - began
