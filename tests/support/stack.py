"""The whole of Tollway for one test: a real `tollway up` on free ports and a folder of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).parents[2]
START_SECONDS = 180.0
STOP_SECONDS = 90.0

_HIDDEN = ("TOLLWAY_", "NATS_", "MONGODB_", "OPENAI_", "ANTHROPIC_")
"""Variables of whoever runs the tests that a stack must not see."""


class StackFailed(AssertionError):
    """`tollway up` did not do what the test needs; the message holds its output."""


class Stack:
    """Starts `tollway up`, knows its processes, and leaves none of them behind.

    `config` is what `tollway.yaml` says; `workers` the processes by service; `env` is added to the environment.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: Mapping[str, int] | None = None,
        config: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.output = folder / "up.log"
        self._workers = dict(workers or {})
        self._config = config
        self._env = dict(env or {})
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: set[int] = set()

    def command(self) -> list[str]:
        """Return the command line that is run."""
        command = [sys.executable, "-m", "tollway", "up", "--port", str(self._port), "--data-dir", str(self.data_dir)]
        if self._config is not None:
            path = self.folder / "tollway.yaml"
            path.write_text(yaml.safe_dump(dict(self._config)))
            command += ["--config", str(path)]
        for service, number in self._workers.items():
            command += ["--workers", f"{service}={number}"]
        return command

    def environment(self) -> dict[str, str]:
        """Return the environment that it runs in."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
        return plain | {"PYTHONPATH": str(ROOT)} | self._env

    def launch(self) -> None:
        """Start the command without waiting for anything."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.command()
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment(), stdout=output, stderr=output, start_new_session=True
            )

    def start(self) -> "Stack":
        """Start and wait until requests are answered; raises `StackFailed`."""
        self.launch()
        end = time.monotonic() + START_SECONDS
        while not self.run_facts().get("ready"):
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise StackFailed(f"the stack did not start:\n{self.said()}\n{self.logs()[-8000:]}")
            time.sleep(0.02)
        return self

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The supervisor."""
        assert self._process is not None, "the stack was not launched"
        return self._process

    def run_facts(self) -> dict[str, Any]:
        """Return what `run.json` says now, empty if there is none of this run."""
        try:
            facts: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        except (OSError, ValueError):
            return {}
        if self._process is None or facts.get("pid") != self._process.pid:
            return {}
        for pids in facts["pids"].values():
            self._seen.update(pids)
        return facts

    @property
    def url(self) -> str:
        """Where the edge listens."""
        return str(self.run_facts()["url"])

    @property
    def demo_url(self) -> str:
        """Where the demo provider listens; empty if it was switched off."""
        return str(self.run_facts()["demo_url"])

    @property
    def nats_url(self) -> str:
        """Where nats-server listens; it takes the users of `nats_password` only."""
        return str(self.run_facts()["nats_url"])

    @property
    def mongodb_url(self) -> str:
        """Where the store listens."""
        return str(self.run_facts()["mongodb_url"])

    @property
    def master_key(self) -> str:
        """The master key."""
        return self._env.get("TOLLWAY_MASTER_KEY") or self.secret("master_key")

    def nats_password(self, user: str) -> str:
        """Return the password of a NATS user: a service's name, or `tollway`."""
        return self.secret(f"nats_{user}")

    def secret(self, name: str) -> str:
        """Return a secret of the data folder."""
        return (self.data_dir / "secrets" / name).read_text().strip()

    def headers(self, key: str | None = None) -> dict[str, str]:
        """Return the headers of a caller with a key, the master key unless given."""
        return {"Authorization": f"Bearer {key or self.master_key}", "Content-Type": "application/json"}

    def pids(self, service: str) -> list[int]:
        """Return the process ids of a service, or of `nats-server`, `store`, `demo-provider`."""
        return list(self.run_facts().get("pids", {}).get(service, []))

    def kill(self, service: str, index: int = 0, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one process of a service and return its id."""
        pid = self.pids(service)[index]
        os.kill(pid, number)
        return pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor: SIGHUP restarts every service, one worker at a time."""
        self.process.send_signal(number)

    def said(self) -> str:
        """Return what `tollway up` printed."""
        return self.output.read_text() if self.output.exists() else ""

    def logs(self, service: str | None = None) -> str:
        """Return the logs of one service, or of all."""
        paths = sorted((self.data_dir / "logs").glob(f"{service or '*'}.log"))
        return "".join(f"== {path.name}\n{path.read_text(errors='replace')}" for path in paths)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = STOP_SECONDS) -> int:
        """Stop everything, by force where it does not stop by itself; return the exit code."""
        self.run_facts()
        process = self.process
        if process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
        left = self.alive()
        if process.poll() is None:
            process.kill()
            process.wait(10)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return int(process.returncode)

    def alive(self) -> list[int]:
        """Return the ids of processes of this stack that still run, the supervisor aside."""
        self.run_facts()
        return [pid for pid in sorted(self._seen) if _runs(pid)]

    def __enter__(self) -> "Stack":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
