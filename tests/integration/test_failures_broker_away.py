"""A service that finds no broker when it starts says so in one sentence, without the password of its address."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nats_server import NatsServer
from tests.support.stack import ROOT
from tollway.stack.servers import free_port


@pytest.fixture
def frozen_server(nats_server: NatsServer) -> Iterator[NatsServer]:
    """A broker that accepts connections and says nothing."""
    nats_server.signal(signal.SIGSTOP)
    try:
        yield nats_server
    finally:
        nats_server.signal(signal.SIGCONT)


def serve(url: str, folder: Path) -> "subprocess.Popen[str]":
    """Start guardrails, which needs nothing but the broker."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TOLLWAY_", "NATS_", "MONGODB_"))}
    env |= {"PYTHONPATH": str(ROOT), "NATS_URL": url, "TOLLWAY_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "tollway", "serve", "guardrails"]
    return subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_broker_that_refuses_or_hangs_is_named(frozen_server: NatsServer, tmp_path: Path) -> None:
    """The service ends with one sentence that tells the address."""
    ports = {"refuses": free_port(), "hangs": frozen_server.port}
    started = {how: serve(f"nats://somebody:canary-password@127.0.0.1:{port}", tmp_path) for how, port in ports.items()}
    for how, process in started.items():
        said, complained = process.communicate(timeout=120)
        assert process.returncode == 1
        last = complained.strip().splitlines()[-1]
        assert last.startswith(f"guardrails: nats-server at nats://127.0.0.1:{ports[how]} cannot be reached: ")
        assert "Traceback" not in complained
        assert "canary-password" not in complained + said


def test_a_broker_that_wakes_is_waited_for(nats_server: NatsServer, tmp_path: Path) -> None:
    """A service that starts while the broker hangs goes on once it answers; then it stops when it is told."""
    nats_server.signal(signal.SIGSTOP)
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT), "NATS_URL": nats_server.url, "TOLLWAY_DATA_DIR": str(tmp_path)}
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "tollway", "serve", "guardrails"],
        env=env | {"TOLLWAY_READY_FD": str(writer)}, cwd=tmp_path, pass_fds=(writer,),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writer)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        nats_server.signal(signal.SIGCONT)
        assert os.read(reader, 64), "it never said that it was ready"
        process.terminate()
        assert process.wait(60) == 0
    finally:
        nats_server.signal(signal.SIGCONT)
        process.kill()
        process.communicate(timeout=60)
        os.close(reader)
