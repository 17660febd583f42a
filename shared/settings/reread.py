"""The configuration file of a process that runs: read again when it was applied anew, and never while it is written."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from shared.settings.document import read_document
from shared.settings.file import Configuration
from shared.settings.problems import ConfigurationError, Problem

PAUSE_SECONDS = 0.05

STEADY_SECONDS = 5.0
"""How long a file that changes under the reader's eyes is waited for."""


@dataclass(frozen=True)
class ConfigurationFile:
    """Where a process's configuration comes from."""

    path: Path | None
    load: Callable[[], Configuration] = field(repr=False)
    """Reads and checks it as the process's role may; raises `ConfigurationError`."""

    def read(self) -> tuple[Configuration, str]:
        """Return what the file says, and the digest of its bytes; raise `ConfigurationError`.

        It blocks while somebody writes the file, so call it on a thread.
        """
        end = time.monotonic() + STEADY_SECONDS
        while True:
            before = self.digest()
            configuration = self.load()
            if self.digest() == before:
                return configuration, before
            if time.monotonic() > end:
                raise ConfigurationError(f"{self.path} is being written all the time.")
            time.sleep(PAUSE_SECONDS)

    def located(self, problem: Problem) -> str:
        """Return what is wrong as a sentence, with the file and the line before it where they can be told."""
        if self.path is None:
            return problem.sentence
        try:
            return problem.located(self.path, read_document(self.path).lines)
        except ConfigurationError:
            return problem.sentence

    def digest(self) -> str:
        """Return the SHA-256 of the file's bytes, empty where there is no file; raise `ConfigurationError`."""
        if self.path is None:
            return ""
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}.") from None
