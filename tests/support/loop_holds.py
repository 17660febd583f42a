"""A stack whose processes note how long each one's event loop was held."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.stack import ROOT, Stack

GAUGE = Path(__file__).parent / "tick_gauge"


class GaugedStack(Stack):
    """Like `Stack`; `longest_hold` tells of its services."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._notes = folder / "holds"
        path = os.pathsep.join([str(GAUGE), str(ROOT)])
        super().__init__(folder, config=config, env={"PYTHONPATH": path, "TICK_GAUGE": str(self._notes)})

    def launch(self) -> None:
        """Start with a place for the notes."""
        self._notes.mkdir(parents=True)
        super().launch()

    def forget_holds(self) -> None:
        """Begin anew."""
        for notes in self._notes.iterdir():
            os.truncate(notes, 0)

    def longest_hold(self, service: str) -> float:
        """Return the longest hold of a service's workers since then in seconds of CPU; 0 where none was notable."""
        lines: list[str] = []
        for pid in self.pids(service):
            lines += (self._notes / str(pid)).read_text().split()
        return max(map(float, lines), default=0.0)


@contextmanager
def gauged_stack(folder: Path, **config: Any) -> Iterator[GaugedStack]:
    """Run one."""
    with GaugedStack(folder, config) as stack:
        yield stack
