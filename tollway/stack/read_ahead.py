"""Reads the store's files into the system's cache before the store does, which goes backwards, block by block."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

BLOCK = 1 << 20
"""Bytes that are read at once."""

SHARE = 0.5
"""The part of the memory that is free for it, at most."""

WITHOUT_FIGURES = 1 << 30
"""Bytes that may be read where the system does not say how much memory is free."""

DOCUMENTS = "secantus_documents_sh*.wt"
"""The tables of documents; the store's start reads all of them, each from its end, one after the other."""


class ReadAhead:
    """Reads a folder's files in pieces, whenever it is given some time; what cannot be read is left to the store."""

    def __init__(self, folder: Path, budget: int | None = None) -> None:
        """`budget` is bytes; by default it is half of the memory that is free."""
        self._files = sorted(folder.glob(DOCUMENTS), key=lambda file: (len(file.name), file.name))
        self._left = budget_of_system() if budget is None else budget
        self._blocks = self._read()
        self.done = 0
        """Bytes that were read."""

    def some(self, seconds: float) -> bool:
        """Read for so many seconds; tell whether there is more to read."""
        end = time.monotonic() + seconds
        for size in self._blocks:
            self.done += size
            if time.monotonic() > end:
                return True
        return False

    def _read(self) -> Iterator[int]:
        buffer = bytearray(BLOCK)
        for file in self._files:
            try:
                with file.open("rb", buffering=0) as opened:
                    end = os.fstat(opened.fileno()).st_size
                    while end > 0 and self._left > 0:
                        start = max(0, end - BLOCK)
                        opened.seek(start)
                        opened.readinto(buffer)
                        self._left -= end - start
                        yield end - start
                        end = start
            except OSError:
                return


def budget_of_system() -> int:
    """Return how many bytes may be read without pressing anything else out of memory."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return WITHOUT_FIGURES
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    available = facts.get("MemAvailable", "").split()
    return int(int(available[0]) * 1024 * SHARE) if available else WITHOUT_FIGURES
