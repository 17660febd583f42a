"""A supervisor with one worker, run as a process by tests: `python -m tests.support.supervised FOLDER MODE`."""

import os
import signal
import sys
import time
from pathlib import Path

from tollway.stack.supervisor import Interrupted, Program, StartFailed, Supervisor


def fail() -> int:
    """End at once, with a last word."""
    print("the disk is made of cheese", file=sys.stderr)
    return 3


def live() -> int:
    """Say that it is ready, and wait for SIGTERM."""
    os.write(int(os.environ["TOLLWAY_READY_FD"]), b"ready\n")
    while True:
        signal.pause()


def stubborn() -> int:
    """Be ready, and end for nobody."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return live()


def dying() -> int:
    """Be ready, and die right after."""
    os.write(int(os.environ["TOLLWAY_READY_FD"]), b"ready\n")
    return 7


def tell(line: str) -> None:
    """Print a line with the time."""
    print(f"{time.monotonic():.3f} {line}", flush=True)


def main(folder: Path, mode: str) -> None:
    """Keep a worker running until interrupted."""
    bodies = {"fail": fail, "live": live, "stubborn": stubborn, "dying": dying}
    supervisor = Supervisor(tell)
    with supervisor.signals():
        try:
            worker = supervisor.start(Program(mode, bodies[mode], dict(os.environ), folder / f"{mode}.log"))
            supervisor.wait(lambda: worker.ready, 120)
            tell(f"ready {worker.pid}")
            while True:
                supervisor.wait(lambda: supervisor.restart_asked, None)
                supervisor.restart_asked = False
                worker = supervisor.workers[0]
                replaced = supervisor.replace(worker, ready_within=120, stop_within=30)
                tell(f"replaced {replaced} {[one.pid for one in supervisor.workers]}")
        except StartFailed as failed:
            tell(f"start failed: {failed.worker.name} {failed.status}")
        except Interrupted:
            gone = supervisor.stop(list(supervisor.workers), 1.0 if mode == "stubborn" else 60.0, interrupts=1)
            tell(f"stopped {gone}")
        finally:
            supervisor.kill(list(supervisor.workers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
