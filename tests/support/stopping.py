"""Stopping a process such that it stands still when the call returns."""

import os
import signal
import time
from pathlib import Path

import psutil


def stop(pid: int) -> None:
    """Send SIGSTOP and wait until every thread has heard it; a busy one may still answer meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 30
    while not _stands(pid):
        assert time.monotonic() < end, f"{pid} does not stop"
        time.sleep(0.001)


def _stands(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task")
    if not threads.exists():
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    states = [(thread / "stat").read_text().rpartition(")")[2].split()[0] for thread in threads.iterdir()]
    return all(state in "TtZ" for state in states)
