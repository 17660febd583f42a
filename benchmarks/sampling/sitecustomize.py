"""Samples a process by the CPU time that it uses. Python imports a module of this name when it starts.

`benchmarks.profile` puts this folder on the path of `tollway up`, so every process that is forked from there can be
told: SIGUSR1 begins, SIGUSR2 writes what was seen to `TOLLWAY_SAMPLES/<pid>`. The clock is the process's own CPU time,
so waiting for a core counts as nothing, which is what a sampler from outside gets wrong on a busy machine.
"""

import dis
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

SECONDS = 0.002
"""CPU time between samples; the kernel rounds it up to its tick."""

_RESUME = dis.opmap["RESUME"]
_LOOP = "Runner.run"
_WAITING = {"wait", "_worker", "recv_into", "_run", "select", "poll", "get", "sleep", "_wait_for_tstate_lock"}
"""Functions in which a thread waits rather than works."""
_stacks: Counter[tuple[int, tuple[CodeType, ...]]] = Counter()
"""By the line that the leaf executes, and the functions from the leaf to the root."""


def begin(number: int, frame: FrameType | None) -> None:
    """Forget what was seen, and sample from now on."""
    _stacks.clear()
    signal.setitimer(signal.ITIMER_PROF, SECONDS, SECONDS)


def sample(number: int, frame: FrameType | None) -> None:
    """Count the stack. A function that was only just entered did not use the time: its caller did, or the loop."""
    if frame is not None and frame.f_code.co_code[frame.f_lasti] == _RESUME:
        frame = frame.f_back
    if frame is not None and frame.f_code.co_qualname == _LOOP:
        frame = _other_thread() or frame
    line = frame.f_lineno if frame is not None else 0
    stack = []
    while frame is not None:
        stack.append(frame.f_code)
        frame = frame.f_back
    _stacks[line, tuple(stack)] += 1


def _other_thread() -> FrameType | None:
    """Return where a thread works while the main thread, which alone hears signals, waits in its loop."""
    main = threading.main_thread().ident
    for ident, frame in sys._current_frames().items():
        if ident != main and frame.f_code.co_name not in _WAITING:
            return frame
    return None


def finish(number: int, frame: FrameType | None) -> None:
    """Write what was seen: collapsed stacks, from the root to the leaf and the line in it."""
    signal.setitimer(signal.ITIMER_PROF, 0)
    lines = (f"{';'.join(map(_frame, reversed(stack)))};@{line} {count}\n" for (line, stack), count in _stacks.items())
    path = Path(_folder, str(os.getpid()))
    path.with_suffix(".part").write_text("".join(lines))
    path.with_suffix(".part").replace(path)


def _frame(code: CodeType) -> str:
    return f"{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})"


_folder = os.environ.get("TOLLWAY_SAMPLES", "")
if _folder:
    signal.signal(signal.SIGPROF, sample)
    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, finish)
