"""Tollway as a contender: `tollway up` in a folder of its own, with a virtual key, a guardrail and the ledger."""

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.contenders import Contender
from benchmarks.payloads import INPUT_COST_PER_TOKEN, MODEL, OUTPUT_COST_PER_TOKEN, chat_body
from benchmarks.processes import ProcessFailed, end, running
from tollway.stack.servers import free_port

START_LIMIT = 300.0
_WORDS = ("hunter2", "project nightjar", "the secret ingredient", "internal only", "do not distribute")


@dataclass
class Stack:
    """A running Tollway."""

    process: asyncio.subprocess.Process
    data: Path
    port: int
    master_key: str
    first_answer: float
    """Seconds from the start of the command to its first answer."""

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def pids(self) -> dict[str, list[int]]:
        """Return the process ids of each service, the servers and the supervisor, as `run.json` has them."""
        return read_pids(json.loads((self.data / "run.json").read_text()))

    def contender(self, key: str) -> Contender:
        """Return it as it is measured."""
        return Contender("tollway", self.port, self.pids(), key)


def read_pids(facts: dict[str, Any]) -> dict[str, list[int]]:
    """Return process ids by service from the facts of `run.json`."""
    pids = {name: [group] if isinstance(group, int) else list(group) for name, group in facts["pids"].items()}
    return {"supervisor": [int(facts["pid"])], **pids}


@asynccontextmanager
async def tollway_up(folder: Path, upstream: int, *arguments: str, data: Path | None = None) -> AsyncIterator[Stack]:
    """Start the whole stack on a free port, wait for its first answer, and stop it when left.

    `data` is a data folder that stays; without it there is one within `folder`.
    """
    data = data or folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    port, master_key = free_port(), f"sk-{secrets.token_hex(16)}"
    config = folder / "tollway.yaml"
    config.write_text(json.dumps(configuration(upstream)))
    command = [sys.executable, "-m", "tollway", "up", "--config", str(config), "--port", str(port)]
    command += ["--data-dir", str(data), *arguments]
    began = time.perf_counter()
    with (folder / "up.log").open("ab") as log:
        async with running(command, stdout=log, stderr=log, env=_environment(master_key)) as process:
            try:
                await _first_answer(process, port, master_key, folder)
                yield Stack(process, data, port, master_key, time.perf_counter() - began)
            finally:
                await end(process, 45)


def configuration(upstream: int) -> dict[str, Any]:
    """Return the configuration file's content: one deployment at the mock, one guardrail on input."""
    deployment = {
        "id": "mock",
        "provider": "openai",
        "model": MODEL,
        "api_base": f"http://127.0.0.1:{upstream}/v1",
        "api_key": "mock",
        "input_cost_per_token": INPUT_COST_PER_TOKEN,
        "output_cost_per_token": OUTPUT_COST_PER_TOKEN,
    }
    return {
        "demo": False,
        "models": [{"model_name": MODEL, "deployments": [deployment]}],
        "guardrails": [{"name": "words", "type": "banned_words", "mode": "pre_call", "words": list(_WORDS)}],
    }


def _environment(master_key: str) -> dict[str, str]:
    ours = {"NATS_URL", "MONGODB_URL", "TOLLWAY_CONFIG"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "TOLLWAY_MASTER_KEY": master_key}


async def _first_answer(process: asyncio.subprocess.Process, port: int, key: str, folder: Path) -> None:
    end_at = time.monotonic() + START_LIMIT
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    url, last = f"http://127.0.0.1:{port}/v1/chat/completions", ""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
        while time.monotonic() < end_at:
            if process.returncode is not None:
                raise ProcessFailed(f"'tollway up' ended with {process.returncode}: {_last_words(folder)}")
            try:
                async with session.post(url, data=chat_body(), headers=headers) as answer:
                    if answer.status == 200:
                        return
                    last = f"{answer.status}: {await answer.text()}"
            except (aiohttp.ClientError, TimeoutError) as error:
                last = str(error)
            await asyncio.sleep(0.02)
    raise ProcessFailed(f"'tollway up' gave no answer within {START_LIMIT:.0f} s, at last {last[:300]}")


def _last_words(folder: Path) -> str:
    return " / ".join((folder / "up.log").read_text(errors="replace").strip().splitlines()[-3:])
