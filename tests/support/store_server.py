"""A real MongoDB-protocol store for tests."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGKILL, SIGSTOP, Signals
from types import TracebackType

from tests.support.stopping import stop
from tollway.stack.servers import free_port, store_environment

RARELY = "600"
"""Seconds between two times that a store which is filled writes its pages to disk; they change all the time."""


class StoreServer:
    """Runs the embedded store on a free port, in a folder of its own.

    `patience` is seconds until it must answer: it looks at the ids of all documents first. `is_filled` is for who fills
    it, in two thirds of the time: it has no transactions, and only what is written at its regular end is sure to stay.
    """

    def __init__(self, folder: Path, *, cache: str = "128M", is_filled: bool = False, patience: float = 60) -> None:
        self.folder = folder
        self._patience = patience
        self._options = ["--cache-size", cache, "--standalone" if is_filled else "--sync-on-commit"]
        self._variables = {"SECANTUS_CHECKPOINT_SECONDS": RARELY} if is_filled else {}
        self.port = free_port()
        self.url = f"mongodb://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        binary = Path(sys.executable).with_name("secantusd-py")
        command = [str(binary), *self._options, "--storage-path", str(self.folder)]
        self._process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port)],
            env=store_environment(os.environ | self._variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + self._patience
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                assert time.monotonic() < end, "the store did not start"
                time.sleep(0.05)

    def signal(self, number: Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        if number == SIGSTOP:
            stop(self._process.pid)
        else:
            self._process.send_signal(number)

    def stop(self, number: Signals = SIGKILL, wait: float = 60) -> None:
        """Kill it, or end it by another signal and wait for some seconds.

        One that is killed in its first seconds may not have written its own tables yet, and never starts again.
        """
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(wait)
            self._process = None

    def __enter__(self) -> "StoreServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
