"""The log files of the data folder: bounded, and asked for their last words when something dies."""

import json
import shutil
from pathlib import Path

MAX_LOG = 16 * 1024 * 1024
"""Bytes after which a log is moved aside; one older piece is kept."""

_TAIL = 64 * 1024


def rotate(path: Path, limit: int = MAX_LOG) -> None:
    """Move the content of a log that grew too long to `<name>.1`; whoever writes to it just goes on."""
    if path.exists() and path.stat().st_size > limit:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        with path.open("r+b") as file:
            file.truncate(0)


def last_words(path: Path) -> str:
    """Return the last line of a log that says something, as a person would read it; empty if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return _readable(line)


def last_reason(path: Path, event: str) -> str:
    """Return the reason that the last line of this event gives in a structured log; where it can be read, if none."""
    unknown = f"its log is {path}"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return unknown
    line = next((line for line in reversed(lines) if event in line), "")
    return _readable(line) if line.startswith("{") else line or unknown


def _readable(line: str) -> str:
    """Return what a line of structured log says; other lines as they are."""
    if not line.startswith("{"):
        return line
    try:
        facts = json.loads(line)
    except ValueError:
        return line
    return str(facts.get("reason") or facts.get("error") or facts.get("event") or line)
