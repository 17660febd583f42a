"""`make run` as a newcomer meets it: a fresh clone, a fresh environment, the printed line."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL_SECONDS = 420.0
"""It downloads and installs everything that is pinned."""


@pytest.mark.timeout(INSTALL_SECONDS + 120)
def test_make_run_in_a_fresh_clone(tmp_path: Path) -> None:
    """It installs, starts, prints a curl line that works as it stands, and stops without leaving anything."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, timeout=60)
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
        answer = subprocess.run(line, shell=True, capture_output=True, timeout=30, check=True)
        assert json.loads(answer.stdout)["choices"][0]["message"]["content"]
        run = json.loads((clone / ".tollway" / "run.json").read_text())
        pids = [pid for group in run["pids"].values() for pid in group]
        assert re.search(r"http://127\.0\.0\.1:\d+", said.read_text())
    finally:
        os.killpg(make.pid, signal.SIGINT)
        make.wait(60)
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
