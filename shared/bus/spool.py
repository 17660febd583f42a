"""Event batches on the local disk, one synced file each, for as long as JetStream does not answer."""

import asyncio
import os
from pathlib import Path

MAX_BATCHES = 100_000
"""Files that the spool holds at most; then `put` fails with `OSError` rather than fill the disk."""

AT_ONCE = 100


class FileSpool:
    """A folder of batches. A batch that was written survives a crash and a power cut."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._count = len(list(folder.glob("*.json")))

    def __len__(self) -> int:
        return self._count

    async def put(self, batch_id: str, payload: bytes) -> None:
        """Write a batch and sync file and folder; raise `OSError` when that fails or the spool is full."""
        if self._count >= MAX_BATCHES:
            raise OSError("the event spool is full")
        await asyncio.to_thread(self._write, batch_id, payload)
        self._count += 1

    def waiting(self) -> list[tuple[str, bytes]]:
        """Return up to `AT_ONCE` batches as (id, payload), oldest first."""
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        self._count = len(files)  # other workers write to the folder and empty it, too
        return [(path.stem, path.read_bytes()) for path in files[:AT_ONCE]]

    def remove(self, batch_id: str) -> None:
        """Forget a batch."""
        (self._folder / f"{batch_id}.json").unlink(missing_ok=True)
        self._count = max(0, self._count - 1)

    def _write(self, batch_id: str, payload: bytes) -> None:
        unfinished = self._folder / f"{batch_id}.part"
        with unfinished.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._folder / f"{batch_id}.json")
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
