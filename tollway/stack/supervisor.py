"""Keeps processes running: starts them anew when they die, replaces them one by one, stops them in order.

It has one thread and no event loop, so it can fork at any time. Whoever waits calls `wait`, which turns the
crank: signals, deaths, readiness, restarts.
"""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tollway.stack.logs import last_words, rotate
from tollway.stack.process import Body, fork, open_log, send

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before a process that died is started again: doubled with each death, up to the longest."""

STEADY_AFTER = 30.0
"""Seconds of life after which the pause begins anew."""

_TICK = 5.0
_NUDGE = 0.05


class Interrupted(Exception):
    """SIGINT or SIGTERM came once more than the caller of `wait` is prepared for."""


class StartFailed(Exception):
    """A process ended before it was ready."""

    def __init__(self, worker: "Worker", status: str) -> None:
        super().__init__(worker.name)
        self.worker = worker
        self.status = status


@dataclass(frozen=True)
class Program:
    """Something to run, once or several times."""

    name: str
    body: Body
    env: Mapping[str, str]
    log: Path
    announces: bool = True
    """True if it says itself when it is ready, on the descriptor that `TOLLWAY_READY_FD` names."""
    keep: tuple[int, ...] = ()
    """Descriptors that it inherits."""


@dataclass(eq=False)
class Worker:
    """One place for a process of a program; the processes in it come and go."""

    program: Program
    index: int
    pid: int = 0
    """0 while there is none."""
    ready: bool = False
    wanted: bool = True
    """False once it was told to stop: its end is no news."""
    must_start: bool = True
    """While True, its end before it was ready raises `StartFailed` instead of a restart."""
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float | None = None
    """When it is started again."""
    pipe: int | None = field(default=None, repr=False)
    status: int | None = None
    """How its last process ended, as `os.waitpid` says it."""

    @property
    def name(self) -> str:
        """The program's name, numbered from the second worker on."""
        return self.program.name if self.index == 0 else f"{self.program.name}.{self.index}"


class Supervisor:
    """The processes of one stack."""

    def __init__(self, tell: Callable[[str], None], *, verbose: bool = False) -> None:
        self.workers: list[Worker] = []
        self.changed: Callable[[], None] = lambda: None
        """Called when a process began or ended."""
        self.interrupts = 0
        self.restart_asked = False
        self._tell = tell
        self._verbose = verbose
        self._selector = selectors.DefaultSelector()
        self._rotate_at = 0.0

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM, SIGHUP and SIGCHLD for as long as the context lasts."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._hear_signals(reader))
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.unregister(reader)
            os.close(reader)
            os.close(writer)

    def start(self, program: Program, index: int = 0) -> Worker:
        """Start a process and keep it running."""
        worker = Worker(program, index)
        self.workers.append(worker)
        self._spawn(worker)
        return worker

    def run(self, program: Program, timeout: float) -> None:
        """Run a process to its end; raise `StartFailed` unless that is a good one."""
        worker = Worker(program, 0, wanted=False)
        self.workers.append(worker)
        self._spawn(worker)
        ended = self.wait(lambda: not worker.pid, timeout)
        if not ended:
            self.kill([worker])
        self.workers.remove(worker)
        if not ended or worker.status:
            raise StartFailed(worker, _ending(worker.status or 0) if ended else f"did not end within {timeout:g} s")

    def wait(
        self, condition: Callable[[], bool], timeout: float | None, *, interrupts: int = 0, poll: float = _TICK
    ) -> bool:
        """Attend to everything until the condition holds; tell whether it did before `timeout` seconds were over.

        The condition is looked at after each event and every `poll` seconds.
        Raises `Interrupted` when more than `interrupts` interrupts came in all, and `StartFailed`.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            if self.interrupts > interrupts:
                raise Interrupted
            if condition():
                return True
            now = time.monotonic()
            if end is not None and now >= end:
                return False
            self._turn(poll if end is None else min(poll, end - now))

    def replace(self, worker: Worker, *, ready_within: float, stop_within: float) -> bool:
        """Start a successor, and once it is ready let the old process end; tell whether that worked."""
        successor = Worker(worker.program, worker.index)
        self.workers.insert(self.workers.index(worker), successor)
        self._spawn(successor)
        try:
            ready = self.wait(lambda: successor.ready, ready_within)
        except StartFailed:
            ready = False
        if not ready:
            self.stop([successor], 0)
            return False
        self.stop([worker], stop_within)
        return True

    def stop(
        self,
        workers: Iterable[Worker],
        timeout: float,
        *,
        interrupts: int = 0,
        nudge: Callable[[], object] = lambda: None,
    ) -> bool:
        """Ask processes to end, and end them after `timeout` seconds; tell whether they went by themselves.

        `nudge` is called now and then while they are going. When `Interrupted` is raised they are not gone yet.
        """
        leaving = [worker for worker in workers if worker in self.workers]
        for worker in leaving:
            worker.wanted, worker.due = False, None
            if worker.pid:
                send(worker.pid, signal.SIGTERM)

        def all_gone() -> bool:
            nudge()
            return not any(worker.pid for worker in leaving)

        gone = self.wait(all_gone, timeout, interrupts=interrupts, poll=_NUDGE)
        if not gone:
            self.kill(leaving)
        for worker in leaving:
            self.workers.remove(worker)
        return gone

    def kill(self, workers: Iterable[Worker]) -> None:
        """End processes at once and wait for their end."""
        for worker in workers:
            worker.wanted, worker.due = False, None
            if worker.pid:
                send(worker.pid, signal.SIGKILL)
                self._note_end(worker, os.waitpid(worker.pid, 0)[1])

    def _spawn(self, worker: Worker) -> None:
        program = worker.program
        worker.due, worker.ready, worker.started = None, False, time.monotonic()
        env, keep, writer = dict(program.env), list(program.keep), None
        if program.announces:
            worker.pipe, writer = os.pipe()
            env["TOLLWAY_READY_FD"] = str(writer)
            keep.append(writer)
        output = None
        if not self._verbose:
            rotate(program.log)
            output = open_log(program.log)
        worker.pid = fork(worker.name, program.body, env=env, output=output, keep=keep)
        for fd in (writer, output):
            if fd is not None:
                os.close(fd)
        if worker.pipe is not None:
            self._selector.register(worker.pipe, selectors.EVENT_READ, lambda: self._hear_ready(worker))
        self.changed()

    def _turn(self, timeout: float) -> None:
        now = time.monotonic()
        dues = [worker.due for worker in self.workers if worker.due is not None]
        for key, _ in self._selector.select(max(0.0, min([timeout, *(due - now for due in dues)]))):
            key.data()
        self._reap()
        now = time.monotonic()
        for worker in self.workers:
            if worker.due is not None and worker.due <= now:
                self._spawn(worker)
        if now > self._rotate_at:
            self._rotate_at = now + _TICK
            for path in {worker.program.log for worker in self.workers}:
                rotate(path)

    def _hear_signals(self, reader: int) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in os.read(reader, 4096):
                if number in (signal.SIGINT, signal.SIGTERM):
                    self.interrupts += 1
                elif number == signal.SIGHUP:
                    self.restart_asked = True

    def _hear_ready(self, worker: Worker) -> None:
        assert worker.pipe is not None  # noqa: S101 - registered with it
        said = os.read(worker.pipe, 64)
        self._close_pipe(worker)
        if said:
            worker.ready, worker.must_start = True, False

    def _close_pipe(self, worker: Worker) -> None:
        if worker.pipe is not None:
            self._selector.unregister(worker.pipe)
            os.close(worker.pipe)
            worker.pipe = None

    def _reap(self) -> None:
        for worker in [worker for worker in self.workers if worker.pid]:
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._ended(worker, status)

    def _note_end(self, worker: Worker, status: int) -> None:
        self._close_pipe(worker)
        worker.pid, worker.ready, worker.status = 0, False, status

    def _ended(self, worker: Worker, status: int) -> None:
        was_ready = worker.ready
        self._note_end(worker, status)
        self.changed()
        if not worker.wanted:
            return
        how = _ending(status)
        if worker.must_start:
            worker.wanted = False
            raise StartFailed(worker, how)
        now = time.monotonic()
        if now - worker.started >= STEADY_AFTER:
            worker.pause = FIRST_PAUSE
        worker.due = now + worker.pause
        unheard = self._verbose or (was_ready and os.WIFSIGNALED(status))
        words = "" if unheard else last_words(worker.program.log)
        self._tell(
            f"{worker.name} {how}; it is started again in {worker.pause:g} s." + (f" ({words})" if words else "")
        )
        worker.pause = min(worker.pause * 2, LONGEST_PAUSE)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"was killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit code {os.WEXITSTATUS(status)}"
