"""All services as `tollway serve` runs them, each a process of its own that nobody starts again."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import yaml

from shared.settings.roles import ROLES
from tests.support.stack import ROOT
from tollway.services import SERVICES
from tollway.stack.servers import free_port

MASTER_KEY = "sk-master-key-of-served"
WAIT_SECONDS = 300.0
"""Two times seven processes that start together take a while on a small machine."""


class Served:
    """Starts one process of each service with the addresses of servers that need not be there."""

    def __init__(self, folder: Path, *, nats_url: str, mongodb_url: str, config: dict[str, Any]) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "tollway.yaml"
        path.write_text(yaml.safe_dump({"server": {"port": port}, **config}))
        hidden = ("TOLLWAY_", "NATS_", "MONGODB_", "OPENAI_", "ANTHROPIC_")
        plain = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self._env = plain | {
            "PYTHONPATH": str(ROOT), "NATS_URL": nats_url, "MONGODB_URL": mongodb_url, "TOLLWAY_CONFIG": str(path),
            "TOLLWAY_DATA_DIR": str(folder), "TOLLWAY_MASTER_KEY": MASTER_KEY, "TOLLWAY_SECRET": "ab" * 32,
            "TOLLWAY_ENCRYPTION_KEY": "cd" * 32,
        }  # fmt: skip

    def setup(self) -> None:
        """Make streams and indexes, as `tollway setup` does; the servers must be there."""
        self._popen("setup", "setup").communicate(timeout=WAIT_SECONDS)

    def start(self) -> None:
        """Start every service, and wait for none."""
        self.processes = {service: self._popen(service, "serve", service) for service in SERVICES}

    def said(self, service: str) -> str:
        """Return what a service wrote so far."""
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def ended(self) -> list[str]:
        """Return the services that run no more."""
        return [name for name, process in self.processes.items() if process.poll() is not None]

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        """Return status and body of readiness; (0, {}) while nobody listens."""
        try:
            async with aiohttp.ClientSession(self.url, timeout=aiohttp.ClientTimeout(total=5)) as session:
                async with session.get("/health/readiness") as answer:
                    return answer.status, await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            return 0, {}

    async def until(self, holds: Callable[[int, dict[str, Any]], bool], timeout: float = WAIT_SECONDS) -> None:
        """Ask for readiness until status and body are as wanted, while no process ends."""
        end = time.monotonic() + timeout
        while not holds(*(now := await self.readiness())):
            assert self.ended() == [], [self.said(name)[-2000:] for name in self.ended()]
            assert time.monotonic() < end, now
            await asyncio.sleep(0.1)

    def _popen(self, name: str, *words: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "tollway", *words]
            return subprocess.Popen(command, env=self._env, cwd=self.folder, stdout=log, stderr=log)

    def __enter__(self) -> "Served":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


STORED = frozenset(name for name, role in ROLES.items() if role.store and name in SERVICES)
"""Services that need the store."""
