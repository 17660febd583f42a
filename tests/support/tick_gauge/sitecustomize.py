"""First on `PYTHONPATH`, it has a process note how long its event loop was held, in CPU time of the loop's thread.

Wall time would tell of a busy machine. Python imports this module before anything else.
"""

import asyncio
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

TICK_SECONDS = 0.001
WORTH_NOTING = 0.003
"""Seconds; a thousand ticks a second would be a large file."""

_run = uvloop.run


async def _gauged(main: Coroutine[Any, Any, Any], folder: str) -> Any:
    loop = asyncio.get_running_loop()
    notes = Path(folder, str(os.getpid())).open("a", buffering=1)  # noqa: SIM115 - as long as the process
    last = time.thread_time()

    def tick() -> None:
        nonlocal last
        held = time.thread_time() - last
        if held > WORTH_NOTING:
            notes.write(f"{held:.4f}\n")
        last = time.thread_time()
        loop.call_later(TICK_SECONDS, tick)

    tick()
    return await main


def _run_gauged(main: Coroutine[Any, Any, Any], **options: Any) -> Any:
    return _run(_gauged(main, os.environ["TICK_GAUGE"]), **options)


if "TICK_GAUGE" in os.environ:
    uvloop.run = _run_gauged
