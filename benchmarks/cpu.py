"""CPU time and memory of processes, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True)
class Memory:
    """Bytes of one process; shared pages count in `pss` by their share, in `rss` in full."""

    pss: int = 0
    rss: int = 0

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.pss + other.pss, self.rss + other.rss)


@dataclass(frozen=True)
class Stat:
    """What the kernel tells in /proc/<pid>/stat, as far as it is used here."""

    parent: int
    seconds: float
    """CPU time of the process and of its children that ended and were waited for."""


def parse_stat(text: str) -> Stat:
    """Read the one line of /proc/<pid>/stat; the name in it may hold blanks and brackets."""
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(int(fields[1]), sum(int(field) for field in fields[11:15]) / _TICKS)


def parse_rollup(text: str) -> Memory:
    """Read /proc/<pid>/smaps_rollup."""
    found = {"Pss": 0, "Rss": 0}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) * 1024
    return Memory(found["Pss"], found["Rss"])


def owners(pids: dict[str, list[int]], parents: dict[int, int]) -> dict[int, str]:
    """Return which name each process belongs to: its own, or that of its nearest ancestor that has one."""
    named = {pid: name for name, group in pids.items() for pid in group}
    result = {}
    for pid in parents:
        at = pid
        while at not in named and at in parents:
            at = parents[at]
        if at in named:
            result[pid] = named[at]
    return result


def cpu_seconds(pids: dict[str, list[int]], proc: Path = PROC) -> dict[str, float]:
    """Return the CPU seconds used so far by each name's processes, with what they started."""
    stats = _stats(proc)
    result = dict.fromkeys(pids, 0.0)
    for pid, name in owners(pids, {pid: stat.parent for pid, stat in stats.items()}).items():
        result[name] += stats[pid].seconds
    return result


def memory(pids: dict[str, list[int]], proc: Path = PROC) -> dict[str, Memory]:
    """Return the memory of each name's processes, with what they started."""
    result = dict.fromkeys(pids, Memory())
    for pid, name in owners(pids, {pid: stat.parent for pid, stat in _stats(proc).items()}).items():
        try:
            result[name] += parse_rollup((proc / str(pid) / "smaps_rollup").read_text())
        except OSError:
            continue
    return result


def _stats(proc: Path) -> dict[int, Stat]:
    found = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = parse_stat((folder / "stat").read_text())
            except OSError:
                continue
    return found
