"""A real nats-server for one test."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from tests.support.stopping import stop
from tollway.stack.servers import free_port


class NatsServer:
    """Starts, kills, freezes and restarts a server on one port and one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.config = (
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder}", sync_interval: always }}\n'
        )
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def binary() -> str:
        """Return the path of nats-server."""
        beside = Path(sys.executable).with_name("nats-server")
        found = str(beside) if beside.exists() else shutil.which("nats-server")
        assert found, "nats-server comes with the extra 'local'"
        return found

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        config.write_text(self.config)
        self._process = subprocess.Popen(
            [self.binary(), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                assert time.monotonic() < end, "nats-server did not start"
                time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; after SIGSTOP it stands still."""
        assert self._process is not None
        if number == signal.SIGSTOP:
            stop(self._process.pid)
        else:
            os.kill(self._process.pid, number)

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> "NatsServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
