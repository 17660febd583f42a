"""Traps of the NATS client that a busy or broken broker springs: each is defused in the bus, and stays so."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from shared.bus import connection
from shared.bus.connection import Bus
from tests.support.nats_server import NatsServer
from tollway.stack.nats_config import nats_config
from tollway.stack.permissions import USERS
from tollway.stack.servers import free_port

ROOT = Path(__file__).parents[2]
ROUNDS = 300
DEFAULT_ATTEMPTS = 60
"""Attempts after which nats-py gives a connection up, unless told otherwise."""

SERVICE = """
import asyncio, sys
from contextlib import asynccontextmanager
from shared.bus.service import run_service
from shared.settings import Configuration, Runtime

@asynccontextmanager
async def build(worker, runtime):
    async def ask_for_too_much():
        await asyncio.sleep(0.2)
        for number in range(100):
            await worker.bus.subscribe(f"trap.{number}", print)

    asking = asyncio.create_task(ask_for_too_much())
    yield
    await asking

sys.exit(run_service(Runtime("guardrails", Configuration.model_validate({"models": []}), sys.argv[1]), build))
"""


@asynccontextmanager
async def overheard(server: NatsServer, said: bytearray) -> AsyncIterator[str]:
    """Stand between a client and the broker, and write down what the client says; yields the address."""
    tasks: list[asyncio.Task[None]] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(65536):
                kept += data
                writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection("127.0.0.1", server.port)
        tasks.append(asyncio.ensure_future(pipe(reader, upstream[1], said)))
        tasks.append(asyncio.ensure_future(pipe(upstream[0], writer, bytearray())))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await asyncio.gather(*tasks)


async def test_the_barriers_last_question_stands_behind_everything(nats_server: NatsServer) -> None:
    """nats-py's PING overtakes what is not written yet; the barrier's last one was answered behind all of it."""
    said = bytearray()
    async with overheard(nats_server, said) as url:
        bus = await Bus.connect(url, name="listener", inbox="a")
        for number in range(ROUNDS):
            await bus.subscribe(f"trap.{number}", lambda _: None)
            bus.publish(f"trap.{number}", b"PUB")
            await bus.barrier()
            asked = said.rindex(b"PING\r\n")
            assert asked > said.index(b"SUB trap.%d " % number)
            assert asked > said.index(b"PUB trap.%d " % number)
        await bus.close()


async def test_after_the_barrier_a_subscription_hears_the_next_message(nats_server: NatsServer) -> None:
    """What somebody else says right after the barrier is heard, 300 times of 300."""
    listener = await Bus.connect(nats_server.url, name="listener", inbox="a")
    speaker = await Bus.connect(nats_server.url, name="speaker", inbox="b")
    heard: set[str] = set()

    def hear(message: Msg) -> None:
        heard.add(message.subject)

    for number in range(ROUNDS):
        await listener.subscribe(f"trap.{number}", hear)
        await listener.barrier()
        speaker.publish(f"trap.{number}", b"")
        speaker.flush_now()
    await speaker.barrier()
    await listener.barrier()
    assert len(heard) == ROUNDS
    await listener.close()
    await speaker.close()


async def test_what_a_slow_consumer_misses_is_counted(worker_on: Any, eventually: Any) -> None:
    """Past a subscription's limit nats-py drops messages with a callback only; a metric says how many."""
    async with worker_on("billing") as worker, worker_on("edge") as speaker:
        go_on = asyncio.Event()
        taken = 0

        async def take(_: Msg) -> None:
            nonlocal taken
            await go_on.wait()
            taken += 1

        await worker.bus.jetstream.add_stream(name="TRAPS", subjects=["traps"])
        await worker.bus.jetstream.subscribe("traps", cb=take, ordered_consumer=False, pending_msgs_limit=10)
        await worker.bus.barrier()
        for _ in range(50):
            speaker.bus.publish("traps", b"x")
        await eventually(lambda: worker.bus.dropped > 20)
        go_on.set()
        await eventually(lambda: taken + worker.bus.dropped == 50)
        samples = [sample for family in worker.metrics.collect() for sample in family.samples]
        shown = [sample.value for sample in samples if sample.name == "tollway_bus_dropped_total"]
        assert shown == [worker.bus.dropped]


async def test_a_stage_that_is_held_up_misses_nothing(worker_on: Any, eventually: Any) -> None:
    """The request plane has no such limit: what arrived while the loop stood still is all handed on, in order."""
    async with worker_on("edge") as listener, worker_on("router") as speaker:
        heard: list[bytes] = []

        def hear(message: Msg) -> None:
            if not heard:
                time.sleep(0.3)
            heard.append(message.data)

        await listener.bus.subscribe("traps", hear)
        await listener.bus.barrier()
        for number in range(5_000):
            speaker.bus.publish("traps", b"%d" % number)
        await eventually(lambda: len(heard) == 5_000)
        assert heard == [b"%d" % number for number in range(5_000)]
        assert listener.bus.dropped == 0


async def test_a_broker_that_is_away_for_long_is_come_back_to(
    nats_server: NatsServer, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More attempts fail than nats-py makes by default; the connection is the same one when the broker is back."""
    monkeypatch.setattr(connection, "RECONNECT_SECONDS", 0.01)
    closed = asyncio.Event()
    bus = await Bus.connect(nats_server.url, name="patient", inbox="a", on_closed=closed.set)
    with capture_logs() as told:
        nats_server.stop()
        await eventually(lambda: sum(line["event"] == "bus.error" for line in told) > DEFAULT_ATTEMPTS + 2, 120)
    nats_server.start()
    await eventually(lambda: bus.connected)
    await bus.barrier()
    assert not closed.is_set()
    await bus.close()


def test_a_connection_that_is_closed_for_good_ends_the_process(nats_server: NatsServer) -> None:
    """An error that the broker says in passing has nats-py close; the process stops, so that another is started."""
    nats_server.stop()
    nats_server.config += "max_subscriptions: 50\n"
    nats_server.start()
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SERVICE, nats_server.url]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert '"service.stopping"' in done.stderr, done.stderr
    assert '"service.broke_off"' in done.stderr
    assert '"service.cannot_start"' not in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (1, "")


async def test_the_stacks_broker_syncs_each_write(tmp_path: Path, eventually: Any) -> None:
    """nats-server, asked what it runs with: without this a power cut loses what was acknowledged."""
    server = NatsServer(tmp_path)
    port = free_port()
    passwords = {user: f"password-{user}" for user in USERS}
    server.config = nats_config(port=server.port, store=tmp_path, passwords=passwords) + f'http: "127.0.0.1:{port}"\n'
    with server:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/jsz") as answer:
            told = await answer.json()
    assert told["config"]["sync_always"] is True
    compose = (ROOT / "deploy" / "compose" / "nats.conf").read_text()
    assert "sync_interval: always" in compose
