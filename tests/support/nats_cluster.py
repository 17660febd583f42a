"""Three real nats-servers as one cluster."""

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import nats

from shared.bus import subjects
from tests.support.nats_server import NatsServer
from tests.support.stopping import stop
from tollway.stack.servers import free_port


class NatsCluster:
    """Starts three servers, and kills, freezes and restarts them singly."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("n1", "n2", "n3")}
        self._routes = {name: free_port() for name in self.ports}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """All addresses, as `NATS_URL` takes them."""
        return ",".join(f"nats://127.0.0.1:{port}" for port in self.ports.values())

    def start(self, name: str) -> None:
        """Start one server."""
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes.values())
        config = home / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.ports[name]}"\nserver_name: "{name}"\n'
            f'jetstream {{ store_dir: "{home}", sync_interval: always }}\n'
            f'cluster {{ name: "three", listen: "127.0.0.1:{self._routes[name]}", routes: [{routes}] }}\n'
        )
        with (home / "nats.log").open("ab") as log:
            self._processes[name] = subprocess.Popen([NatsServer.binary(), "-c", str(config)], stdout=log, stderr=log)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send one server a signal; after SIGSTOP it stands still."""
        if number == signal.SIGSTOP:
            stop(self._processes[name].pid)
        else:
            os.kill(self._processes[name].pid, number)

    def kill(self, name: str) -> None:
        """Kill -9 one server."""
        self._processes[name].kill()
        self._processes[name].wait(10)

    async def leader(self) -> str:
        """Return the name of the server that leads the event stream."""
        client = await nats.connect(self.url.split(","), max_reconnect_attempts=1)
        end = time.monotonic() + 60
        try:
            while True:
                info = await client.jetstream().stream_info(subjects.EVENT_STREAM)
                if info.cluster is not None and info.cluster.leader:
                    return str(info.cluster.leader)
                assert time.monotonic() < end, "the event stream has no leader"
                await asyncio.sleep(0.05)
        finally:
            await client.close()

    def __enter__(self) -> "NatsCluster":
        for name in self.ports:
            self.start(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait(10)
