"""LiteLLM's proxy as a contender, in a virtual environment of its own, with its master key alone."""

import asyncio
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from benchmarks.contenders import Contender
from benchmarks.payloads import MODEL, chat_body
from benchmarks.processes import ProcessFailed, running
from tollway.stack.servers import free_port

REQUIREMENT = "litellm[proxy]==1.106.2"
"""The one that was measured and whose client was tried; 1.82.7, 1.82.8 and 1.107.0 are known as compromised."""

INSTALL_LIMIT = 1200.0
START_LIMIT = 120.0
"""Seconds; importing it takes tens of them on a busy machine."""


def home() -> Path:
    """Return where peers are installed."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "tollway-bench"


def installed() -> Path | None:
    """Return LiteLLM's command if it was installed here."""
    command = home() / "litellm" / "bin" / "litellm"
    return command if command.exists() else None


async def install() -> Path:
    """Install LiteLLM unless it is there; return its command. Raise `ProcessFailed` with pip's last lines."""
    if command := installed():
        return command
    folder = home() / "litellm"
    shutil.rmtree(folder, ignore_errors=True)
    await _do([sys.executable, "-m", "venv", str(folder)])
    await _do([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", REQUIREMENT])
    return folder / "bin" / "litellm"


def _version() -> str:
    found = (home() / "litellm").glob("lib/python3*/site-packages/litellm-*.dist-info")
    return next((path.name.split("-")[1].removesuffix(".dist") for path in found), "")


async def _do(command: list[str]) -> None:
    async with running(command, stderr=asyncio.subprocess.STDOUT) as process:
        assert process.stdout is not None
        try:
            output = await asyncio.wait_for(process.stdout.read(), INSTALL_LIMIT)
        except TimeoutError:
            raise ProcessFailed(f"'{' '.join(command[:4])} …' did not end within {INSTALL_LIMIT:.0f} s") from None
        if await process.wait():
            last = output.decode(errors="replace").strip().splitlines()[-5:]
            raise ProcessFailed(f"'{' '.join(command[:4])} …' failed: {' / '.join(last)}")


@asynccontextmanager
async def litellm(folder: Path, upstream: int) -> AsyncIterator[Contender]:
    """Run its proxy before the upstream on that port."""
    command = await install()
    folder.mkdir(parents=True, exist_ok=True)
    key, port = f"sk-{secrets.token_hex(16)}", free_port()
    config = folder / "litellm.yaml"
    config.write_text(json.dumps(configuration(upstream, key)))
    arguments = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    # A stranger's program is told nothing of ours; its price map comes from the package, not from elsewhere.
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (folder / "litellm.log").open("wb") as log:
        async with running([str(command), *arguments], stdout=log, stderr=log, env=env) as process:
            await _first_answer(process, port, key)
            yield Contender(f"litellm {_version()}", port, {"litellm": [process.pid]}, key)


def configuration(upstream: int, key: str) -> dict[str, object]:
    """Return the content of its configuration file."""
    deployment = {"model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "mock"}
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": deployment}],
        "general_settings": {"master_key": key},
        "litellm_settings": {"telemetry": False},
    }


async def _first_answer(process: asyncio.subprocess.Process, port: int, key: str) -> None:
    end = time.monotonic() + START_LIMIT
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:
        while time.monotonic() < end:
            if process.returncode is not None:
                raise ProcessFailed(f"litellm ended with {process.returncode}")
            try:
                async with session.post(
                    f"http://127.0.0.1:{port}/v1/chat/completions", data=chat_body(), headers=headers
                ) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    raise ProcessFailed(f"litellm gave no answer within {START_LIMIT:.0f} s")
