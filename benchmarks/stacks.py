"""Reads collapsed stacks: frames from the root to the leaf, the line in it, and how often they were seen."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]*?)(?::\d+)?\)$")
_LIBRARY = re.compile(r".*/(?:site-packages|python3\.\d+)/")


@dataclass
class Profile:
    """How often each function was seen, alone at the leaf or anywhere on the stack."""

    raw: str
    samples: int = 0
    alone: Counter[str] = field(default_factory=Counter)
    inclusive: Counter[str] = field(default_factory=Counter)
    packages: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    """Lines of our own files, as `file:line function`."""


def read_profile(text: str, root: Path) -> Profile:
    """Return the counts of all stacks; files under `root` are named from there, libraries by their package."""
    profile = Profile(text)
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if not count.isdigit():
            continue
        stack, _, at = stack.partition(";@")
        frames = [short(frame, root) for frame in stack.split(";")]
        seen = int(count)
        if at and package(frames[-1]).endswith(".py"):
            function, _, file = frames[-1].rpartition(" (")
            profile.lines[f"{file.rpartition(':')[0]}:{at} {function}"] += seen
        profile.samples += seen
        profile.alone[frames[-1]] += seen
        profile.packages[package(frames[-1])] += seen
        for frame in set(frames):
            profile.inclusive[frame] += seen
    return profile


def short(frame: str, root: Path) -> str:
    """Return a frame with the part of its file's path that tells something."""
    function, _, place = frame.strip().rpartition(" (")
    if not function:
        return frame.strip()
    return f"{function} ({_LIBRARY.sub('', place.removeprefix(f'{root}/'))}"


def package(frame: str) -> str:
    """Return what a shortened frame belongs to: a file of ours, or somebody else's package."""
    match = _FRAME.match(frame)
    if match is None:
        return "(native)"
    file = match["file"]
    ours = file.startswith(("services/", "shared/", "tollway/", "benchmarks/"))
    return file if ours else file.split("/")[0]
