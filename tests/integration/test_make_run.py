"""`make run` as a newcomer meets it: a fresh clone, a fresh environment, the printed line, README's SDKs, the cost."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.readme import ADDRESS, blocks

ROOT = Path(__file__).parents[2]
INSTALL_SECONDS = 900.0
"""It downloads and installs everything that is pinned."""


LEDGER_SECONDS = 60.0


def streamed(clone: Path, block: str, address: str, key: str) -> str:
    """Run a block of README's in the clone's own Python, and return what it printed."""
    script = block.replace(ADDRESS, address).replace("sk-…", key)
    python = clone / ".venv" / "bin" / "python"
    done = subprocess.run([python, "-c", script], cwd=clone, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def entries(address: str, key: str, number: int) -> list[dict[str, Any]]:
    """Return what `/spend/logs` shows, once it has so many entries."""
    request = urllib.request.Request(f"http://{address}/spend/logs", headers={"Authorization": f"Bearer {key}"})
    end = time.monotonic() + LEDGER_SECONDS
    while True:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        if len(found) == number or time.monotonic() > end:
            return found
        time.sleep(0.1)


@pytest.mark.timeout(INSTALL_SECONDS + 600)
def test_make_run_in_a_fresh_clone(tmp_path: Path) -> None:
    """It installs, starts, prints a line that works as it stands, serves both SDKs, and leaves nothing behind."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, timeout=180)
    hidden = ("TOLLWAY_", "NATS_", "MONGODB_", "OPENAI_", "ANTHROPIC_", "VIRTUAL_ENV", "PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    said = tmp_path / "said"
    with said.open("wb") as output:
        make = subprocess.Popen(
            ["make", "run", "ARGS=--port 0"], cwd=clone, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        end = time.monotonic() + INSTALL_SECONDS
        while "Try it" not in said.read_text() or "Ctrl-C" not in said.read_text():
            assert make.poll() is None, said.read_text()
            assert time.monotonic() < end, said.read_text()
            time.sleep(0.1)
        line = next(line for line in said.read_text().splitlines() if line.strip().startswith("curl "))
        answer = subprocess.run(line, shell=True, capture_output=True, timeout=90, check=True)
        content = json.loads(answer.stdout)["choices"][0]["message"]["content"]
        key = (clone / ".tollway" / "secrets" / "master_key").read_text().strip()
        run = json.loads((clone / ".tollway" / "run.json").read_text())
        pids = [pid for group in run["pids"].values() for pid in group]
        assert re.search(r"http://127\.0\.0\.1:\d+", said.read_text())
        address = run["url"].removeprefix("http://")
        openai, anthropic = blocks("python")
        assert streamed(clone, openai, address, key).strip() == content
        assert streamed(clone, anthropic, address, key).strip() == content
        found = entries(address, key, 3)
        assert [entry["call_type"] for entry in found] == ["anthropic_messages", "acompletion", "acompletion"]
        assert {(entry["spend"], entry["status"]) for entry in found} == {(0.000069, "success")}
    finally:
        os.killpg(make.pid, signal.SIGINT)
        make.wait(120)
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
