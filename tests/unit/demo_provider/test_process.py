import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

COMMAND = "from tollway.demo_provider import run; run('127.0.0.1', {port}, None)"


def start(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND.format(port=port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with start(0) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_runs_until_a_signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """The process says where it listens, answers there, and ends quietly on a signal."""
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    with urllib.request.urlopen(f"{url}/_demo/stats", timeout=60) as response:
        assert response.status == 200
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_port_in_use_is_one_sentence() -> None:
    """A port that is taken gives one sentence and an exit code, no stack trace."""
    with socket.create_server(("127.0.0.1", 0)) as taken, start(taken.getsockname()[1]) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, len(errors.splitlines()), "cannot listen" in errors) == (1, 1, True)
