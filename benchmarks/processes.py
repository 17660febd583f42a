"""Starts the processes of a run, talks to them, and ends each one by its pid."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.stats import Point

ROOT = Path(__file__).parent.parent
START_SECONDS = 20.0
END_SECONDS = 10.0


class ProcessFailed(Exception):
    """A process of the benchmark did not do what it is there for."""


@asynccontextmanager
async def running(command: Sequence[str], **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command from the repository's root in a session of its own; end it when left."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=options.pop("stdout", asyncio.subprocess.PIPE),
        start_new_session=True,
        **options,
    )
    try:
        yield process
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process, seconds: float = END_SECONDS) -> None:
    """End a process: ask first, then kill."""
    if process.returncode is not None:
        return
    # Not by the process object, whose methods may take its end away from the loop's watcher.
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


@asynccontextmanager
async def module(name: str, *arguments: str) -> AsyncIterator[tuple[int, int]]:
    """Run a module of this package that prints its port; yield pid and port."""
    async with running([sys.executable, "-m", f"benchmarks.{name}", *arguments]) as process:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if not line.strip().isdigit():
            raise ProcessFailed(f"benchmarks.{name} did not start")
        yield process.pid, int(line)


class Load:
    """A load client that is connected and waits to be told to begin."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.progress: list[Point] = []

    async def run(self, limit: float) -> dict[str, Any]:
        """Begin, and return the result; raise `ProcessFailed` when there is none within `limit` seconds."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"go\n")
        try:
            async with asyncio.timeout(limit):
                async for line in process.stdout:
                    told = json.loads(line)
                    if "result" in told:
                        return dict(told["result"])
                    self.progress.append((told["at"], told["done"]))
        except TimeoutError:
            raise ProcessFailed(f"the load did not end within {limit:.0f} s") from None
        raise ProcessFailed("the load client died")


@asynccontextmanager
async def load(port: int, **options: str | float) -> AsyncIterator[Load]:
    """Connect a load client; the options are those of `benchmarks.load`."""
    arguments = [item for name, value in options.items() for item in (f"--{name}", str(value))]
    async with running([sys.executable, "-m", "benchmarks.load", str(port), *arguments]) as process:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if line.strip() != b"ready":
            raise ProcessFailed(f"no connection to port {port}")
        yield Load(process)


async def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until the condition holds; raise `ProcessFailed` after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise ProcessFailed(f"waited {seconds:.0f} s in vain for {what}") from None


def alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
