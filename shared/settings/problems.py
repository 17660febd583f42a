"""What is wrong with a configuration, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Place = tuple[int | str, ...]
"""The way to a setting: names of sections and numbers of items, from 0."""


@dataclass(frozen=True)
class Problem:
    """One mistake as a sentence, with its place where it has one."""

    sentence: str
    place: Place | None = None

    def line(self, lines: Mapping[Place, int]) -> int:
        """Return the line of the setting, or of the nearest section around it; 0 if there is none."""
        place = self.place or ()
        return next((lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines), 0)

    def located(self, path: Path | None, lines: Mapping[Place, int]) -> str:
        """Return the sentence with the file and line before it."""
        if self.place is None:
            return self.sentence
        line = self.line(lines)
        return f"{path or 'The configuration'}{f':{line}' if line else ''}: {self.sentence}"


class ConfigurationError(Exception):
    """The configuration cannot be used; the message has one line for each problem."""

    def __init__(
        self, problems: Sequence[Problem] | str, path: Path | None = None, lines: Mapping[Place, int] | None = None
    ) -> None:
        found = [Problem(problems)] if isinstance(problems, str) else list(problems)
        found.sort(key=lambda problem: problem.line(lines or {}))
        self.problems = [problem.located(path, lines or {}) for problem in found]
        super().__init__("\n".join(self.problems))


def spelled(place: Place) -> str:
    """Return a place as it is written in messages: `models[0].deployments[1].weight`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).lstrip(".")
