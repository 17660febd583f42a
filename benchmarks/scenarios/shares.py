"""From measured rounds to medians, shares and rows of a table."""

from collections.abc import Sequence
from typing import Any

from benchmarks.contenders import Measured
from benchmarks.stats import median

_FIGURES = ("rate", "p50", "p90", "p99")


def by_process(runs: Sequence[Measured], unit: str = "requests") -> dict[str, float]:
    """Return the median microseconds of CPU per request (or chunk) of each process."""
    each = [run.each(unit) for run in runs]
    return {name: median([figures[name] for figures in each]) for name in each[0]}


def microseconds(run: Measured, unit: str = "requests") -> dict[str, float]:
    """Return one round's figures, rounded for the record."""
    return {name: round(value, 2) for name, value in run.each(unit).items()}


def median_load(runs: Sequence[Measured]) -> dict[str, Any]:
    """Return the medians of rate and latencies."""
    return {name: median([run.load[name] for run in runs]) for name in _FIGURES} | {"failed": failures(runs)}


def failures(runs: Sequence[Measured]) -> int:
    """Return how many requests failed in all rounds."""
    return sum(int(run.load["failed"]) for run in runs)


def share_rows(name: str, us: dict[str, float], unit: float, load: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each process and one for their sum; `unit` is the yardstick in µs."""
    total = sum(us.values())
    rate = (f"{load['rate']:,.0f}", f"{load['p50'] * 1000:.2f}", f"{load['p99'] * 1000:.2f}")
    if len(us) == 1:
        return [(name, "", f"{total:.1f}", "", f"{total / unit:.2f}", *rate)]
    rows = [
        ("", process, f"{value:.1f}", f"{value / total:.0%}", f"{value / unit:.2f}", "", "", "")
        for process, value in sorted(us.items(), key=lambda item: -item[1])
    ]
    return [(name, "all", f"{total:.1f}", "100%", f"{total / unit:.2f}", *rate), *rows]
