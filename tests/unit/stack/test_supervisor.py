"""The supervisor alone, over processes that do one thing each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

import psutil
import pytest

from tollway.stack.logs import last_words, rotate

ROOT = Path(__file__).parents[3]


class Supervised:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.supervised", str(folder), mode],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> tuple[float, str]:
        """Return the next thing it tells, with the time at which it did."""
        output: IO[str] | None = self.process.stdout
        assert output is not None
        at, _, text = output.readline().strip().partition(" ")
        return float(at), text


Start = Callable[[str], Supervised]


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Start]:
    """Return what starts a supervisor; none is left at the end."""
    started: list[Supervised] = []

    def start(mode: str) -> Supervised:
        started.append(Supervised(tmp_path, mode))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(60)
        assert one.process.stdout is not None
        one.process.stdout.close()


def gone(pid: int) -> bool:
    end = time.monotonic() + 60
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_a_process_that_cannot_start_is_not_tried_again(supervised: Start, tmp_path: Path) -> None:
    """It is told at once, and its log has its last words."""
    one = supervised("fail")
    assert one.line()[1] == "start failed: fail ended with exit code 3"
    assert last_words(tmp_path / "fail.log") == "the disk is made of cheese"


def test_a_process_that_dies_again_and_again_is_started_with_longer_and_longer_pauses(supervised: Start) -> None:
    """The pause doubles from a tenth of a second."""
    one = supervised("dying")
    pauses, times = [], []
    while len(pauses) < 5:
        at, text = one.line()
        if "started again in" in text:
            pauses.append(float(text.split("started again in ")[1].split(" s")[0]))
            times.append(at)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6]
    waited = [later - earlier for earlier, later in pairwise(times)]
    assert all(seconds >= pause for seconds, pause in zip(waited, pauses, strict=False))


def test_a_successor_is_ready_before_the_old_process_ends(supervised: Start) -> None:
    """SIGHUP replaces the process; there is one at any time."""
    one = supervised("live")
    old = int(one.line()[1].split()[1])
    one.process.send_signal(signal.SIGHUP)
    text = one.line()[1]
    assert text.startswith("replaced True")
    assert str(old) not in text
    assert gone(old)


@pytest.mark.parametrize("mode", ["live", "stubborn"])
def test_the_end_of_the_supervisor_is_the_end_of_its_processes(supervised: Start, mode: str) -> None:
    """One that does not end for SIGTERM is killed after the limit."""
    one = supervised(mode)
    pid = int(one.line()[1].split()[1])
    one.process.send_signal(signal.SIGTERM)
    assert one.line()[1] == f"stopped {mode == 'live'}"
    assert one.process.wait(60) == 0
    assert gone(pid)


def test_a_killed_supervisor_takes_its_processes_along(supervised: Start) -> None:
    """Even one that ignores SIGTERM."""
    one = supervised("stubborn")
    pid = int(one.line()[1].split()[1])
    one.process.kill()
    assert gone(pid)


def test_a_process_has_no_descriptor_but_its_own(supervised: Start) -> None:
    """Standard input, output and error, and the pipe on which it said that it is ready."""
    one = supervised("live")
    pid = int(one.line()[1].split()[1])
    assert len(os.listdir(f"/proc/{pid}/fd")) == 4


def test_a_long_log_is_moved_aside(tmp_path: Path) -> None:
    """Whoever writes to it goes on in the same, now empty file."""
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 100)
        rotate(log, limit=100)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old\n" * 100


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ('{"event": "service.cannot_start", "reason": "no store"}\n', "no store"),
        ("{not json\n", "{not json"),
    ],
)
def test_last_words_are_the_last_line_that_says_something(tmp_path: Path, text: str, words: str) -> None:
    """Structured lines give their reason."""
    log = tmp_path / "a.log"
    log.write_text(text)
    assert last_words(log) == words
