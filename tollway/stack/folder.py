"""The data folder: who may read it, who holds it, and where things are in it."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tollway.stack.errors import StackError


class DataFolder:
    """Everything that `tollway up` keeps between two runs."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.secrets = self.path / "secrets"
        self.nats = self.path / "nats"
        self.store = self.path / "store"
        self.run_file = self.path / "run.json"
        self._lock: int | None = None

    def hold(self) -> None:
        """Make the folder, readable by its owner only, and hold it against a second `tollway up`.

        A folder that is there already keeps its mode (it may be the operator's home): what we put into it does not.
        The lock is on the folder itself and goes with the process, however it ends; so there is no lock file
        that could stay behind. Raises `StackError`.
        """
        with self.writing():
            for folder in (self.path, self.logs, self.secrets, self.nats, self.store):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            self.write(self.path / ".writable", b"")
            (self.path / ".writable").unlink()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise StackError(
                f"{self.path} is in use by another 'tollway up'{self._holder()}; stop that one, "
                f"or give this one a folder of its own with --data-dir."
            ) from None

    def release(self) -> None:
        """Let go of the folder; what was about this run only is removed."""
        if self._lock is not None:
            self.run_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _holder(self) -> str:
        try:
            return f" (process {json.loads(self.run_file.read_text())['pid']})"
        except (OSError, ValueError, KeyError):
            return ""

    def write(self, path: Path, content: bytes, mode: int = 0o600) -> None:
        """Write a file as a whole or not at all, readable by its owner only."""
        unfinished = path.with_name(f"{path.name}.part")
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)

    def write_run(self, facts: dict[str, Any]) -> None:
        """Say what runs: process ids by service, ports and addresses. Readers see a whole file, always."""
        with self.writing():
            unfinished = self.run_file.with_name("run.json.part")
            unfinished.write_text(json.dumps(facts, indent=2) + "\n")
            unfinished.replace(self.run_file)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what the file system refuses into a sentence that says what to do."""
        try:
            yield
        except OSError as error:
            raise StackError(_why(self.path, error)) from None


def _why(folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk that holds {folder} is full; make room, or choose another place with --data-dir."
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{folder} is not a folder; choose another place with --data-dir."
    reason = (error.strerror or str(error)).lower()
    return f"The data folder {folder} cannot be written ({reason}); choose another place with --data-dir."
