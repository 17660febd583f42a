"""Reads collapsed stacks, as py-spy writes them: frames from the root to the leaf, and how often they were seen."""

import re
from collections import Counter
from dataclasses import dataclass, field

_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]*?)(?::\d+)?\)$")
_OURS = ("services/", "shared/", "tollway/")


@dataclass
class Profile:
    """How often each function was seen, alone at the leaf or anywhere on the stack."""

    raw: str
    samples: int = 0
    alone: Counter[str] = field(default_factory=Counter)
    inclusive: Counter[str] = field(default_factory=Counter)
    packages: Counter[str] = field(default_factory=Counter)


def read_profile(text: str) -> Profile:
    """Return the counts of all stacks."""
    profile = Profile(text)
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if not count.isdigit():
            continue
        frames = [frame.strip() for frame in stack.split(";")]
        seen = int(count)
        profile.samples += seen
        profile.alone[frames[-1]] += seen
        profile.packages[package(frames[-1])] += seen
        for frame in set(frames):
            profile.inclusive[frame] += seen
    return profile


def package(frame: str) -> str:
    """Return what a frame belongs to: a file of ours, or somebody else's package."""
    match = _FRAME.match(frame)
    if match is None:
        return "(native)"
    file = match["file"]
    for folder in _OURS:
        if folder in file:
            return file[file.index(folder) :]
    _, _, rest = file.rpartition("site-packages/")
    return rest.split("/")[0]
