"""What a line of the log looks like, by where it goes."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = """
import structlog
from shared.telemetry.logs import configure_logs
configure_logs("edge", "w1"{more})
structlog.get_logger().info("edge.said", request_id="r1", number=2)
structlog.get_logger().debug("edge.whispered")
"""


def said(more: str = "", *, terminal: bool) -> str:
    """Return what a process writes to its standard error, a terminal or a pipe."""
    reader, writer = pty.openpty() if terminal else os.pipe()
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-c", SCRIPT.format(more=more)]
    process = subprocess.Popen(command, stderr=writer, cwd=ROOT, env=env | {"PYTHONPATH": str(ROOT)})
    os.close(writer)
    output = b""
    try:
        while piece := os.read(reader, 65536):
            output += piece
    except OSError:
        # A terminal whose other end is closed says so in this way, on Linux.
        assert terminal
    finally:
        os.close(reader)
        assert process.wait(30) == 0
    return output.decode()


def test_a_machine_reads_json() -> None:
    """One object a line, with when, how bad, which service and worker, and the facts."""
    (line,) = said(terminal=False).splitlines()
    told = json.loads(line)
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "event": "edge.said", "level": "info", "service": "edge", "worker": "w1", "request_id": "r1", "number": 2
    }  # fmt: skip


def test_a_person_reads_lines() -> None:
    """On a terminal the event stands first and is no JSON."""
    (line,) = said(terminal=True).splitlines()
    assert "edge.said" in line
    assert not line.lstrip().startswith("{")


@pytest.mark.parametrize(("format", "terminal"), [("json", True), ("console", False)])
def test_the_operator_decides(format: str, terminal: bool) -> None:
    """A format that is set holds wherever the lines go."""
    (line,) = said(f", format={format!r}", terminal=terminal).splitlines()
    assert line.startswith("{") == (format == "json")


def test_lesser_lines_are_written_when_asked_for() -> None:
    """The level is the least important one that is written."""
    assert [json.loads(line)["level"] for line in said(", level='debug'", terminal=False).splitlines()] == [
        "info", "debug"
    ]  # fmt: skip
