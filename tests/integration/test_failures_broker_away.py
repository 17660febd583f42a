"""`tollway up` and services with the address of a server that refuses connections, or hangs."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nats_server import NatsServer
from tests.support.stack import Stack
from tests.support.store_server import StoreServer
from tollway.stack.servers import free_port

PASSWORD = "canary-password"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreServer]:
    """A store."""
    with StoreServer(tmp_path / "store") as server:
        yield server


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[tuple[NatsServer, StoreServer]]:
    """Servers that accept connections and say nothing."""
    with NatsServer(tmp_path / "frozen-nats") as broker, StoreServer(tmp_path / "frozen-store") as store:
        for server in (broker, store):
            server.signal(signal.SIGSTOP)
        yield broker, store


async def refused(folder: Path, nats: str, mongodb: str) -> tuple[int, list[str]]:
    """Run `tollway up` with these addresses; return its exit code and what it said."""
    stack = Stack(folder, env={"NATS_URL": nats, "MONGODB_URL": mongodb})
    stack.launch()
    try:
        code = await asyncio.to_thread(stack.process.wait, 150)
        assert stack.alive() == []
        return code, stack.said().splitlines()
    finally:
        stack.stop(signal.SIGKILL)


async def test_up_names_the_server_that_is_away(
    nats_server: NatsServer, store: StoreServer, frozen: tuple[NatsServer, StoreServer], tmp_path: Path
) -> None:
    """One sentence with the address, without the password that stands in it, and exit code 1."""
    who = f"somebody:{PASSWORD}@127.0.0.1"
    wrong = {
        "nats-server refuses": (f"nats://{who}:{free_port()}", store.url),
        "nats-server hangs": (f"nats://{who}:{frozen[0].port}", store.url),
        "store refuses": (nats_server.url, f"mongodb://{who}:{free_port()}"),
        "store hangs": (nats_server.url, f"mongodb://{who}:{frozen[1].port}"),
    }
    ends = await asyncio.gather(*[refused(tmp_path / what, *urls) for what, urls in wrong.items()])
    for what, (code, said) in zip(wrong, ends, strict=True):
        assert (code, len(said)) == (1, 1), (what, said)
        server, address = ("nats-server", 0) if what.startswith("nats") else ("MongoDB", 1)
        port = wrong[what][address].rpartition(":")[2]
        assert server in said[0]
        assert f"127.0.0.1:{port}" in said[0], (what, said)
        assert "cannot be reached" in said[0]
        assert PASSWORD not in said[0]


def test_a_service_that_waits_for_its_broker_stops_when_told(tmp_path: Path) -> None:
    """SIGTERM ends it at once, with exit code 0, like one that serves."""
    env = Stack(tmp_path).environment() | {"NATS_URL": f"nats://127.0.0.1:{free_port()}"}
    command = [sys.executable, "-m", "tollway", "serve", "guardrails"]
    process = subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert any("waiting for it" in line for line in process.stderr), "it ended, or never said so"
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate(timeout=60)
