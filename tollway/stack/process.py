"""Forking one process: it dies with the supervisor, holds only what it was given, and is named in `ps`."""

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_LAST_FD = 65_536

_FRUGAL = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "4194304",
    "MALLOC_MMAP_THRESHOLD_": "524288",
    "GOGC": "50",
    "GOMEMLIMIT": "40MiB",
}
"""Has glibc and Go's runtime give back what a program frees; the services do so in `shared/bus/service.py`."""

Body = Callable[[], int]
"""What the new process does; it returns its exit code, or never returns because it executes a program."""


def fork(name: str, body: Body, *, env: Mapping[str, str], output: int | None, keep: Iterable[int] = ()) -> int:
    """Start a process that runs `body` in a process group of its own, and return its id.

    It gets the environment `env`, writes to `output` (the supervisor's own standard error if None), and keeps the
    file descriptors in `keep` open; all others are closed. The kernel kills it when the supervisor ends, however
    that happens (Linux). Call it from a process with one thread and no event loop.
    """
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(name, body, env, output, keep, parent)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return pid


def _become(
    name: str, body: Body, env: Mapping[str, str], output: int | None, keep: Iterable[int], parent: int
) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        _die_with(parent)
        _rename(name)
        _share_cores()
        _default_signals()
        _redirect(output)
        _close_others({0, 1, 2, *keep})
        for fd in keep:
            os.set_inheritable(fd, True)
        os.environ.clear()
        os.environ.update(env)
        code = body()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - the forked copy of the supervisor's stack must never unwind
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _share_cores() -> None:
    """Let whoever is woken wait for who runs: on few cores messages then come in larger batches (Linux).

    A request's CPU over all processes fell by a sixth at 64 in flight (docs/performance.md).
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already, and there to its main thread where the system can.

    A Python program whose other thread gets the signal may not notice it: only its main thread runs handlers.
    """
    tgkill = getattr(ctypes.CDLL(None), "tgkill", None)
    if tgkill is None or tgkill(pid, pid, number) != 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def execute(command: list[str]) -> Body:
    """Return a body that replaces the process by a program."""

    def run() -> int:
        try:
            os.execve(command[0], command, _FRUGAL | os.environ)  # noqa: S606 - no shell is wanted
        except OSError as error:
            print(f"{command[0]} cannot be started: {error.strerror}.", file=sys.stderr)
        return 127

    return run


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _rename(name: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, f"tw-{name}".encode()[:15], 0, 0, 0)


def _default_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _redirect(output: int | None) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    if output is None:
        os.dup2(2, 1)
    else:
        os.dup2(output, 1)
        os.dup2(output, 2)


def _close_others(keep: set[int]) -> None:
    for low, high in zip(sorted(keep), [*sorted(keep)[1:], _LAST_FD], strict=True):
        os.closerange(low + 1, high)


def open_log(path: Path) -> int:
    """Return a descriptor that appends to a log file."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
