"""Has a process that runs go by the configuration file as it was applied last: by that version of it, and no other."""

import asyncio
from collections.abc import Callable

import structlog

from shared.schemas.control import Change
from shared.settings import Configuration, ConfigurationError
from shared.settings.reread import ConfigurationFile

log = structlog.get_logger(__name__)

TRY_SECONDS = 0.5

WAIT_SECONDS = 300.0
"""How long this machine's copy of the file may take to become the one that was applied."""


class FileFollower:
    """Reads the file when a `configuration` change says that it was applied; the change's id is its digest."""

    def __init__(self, file: ConfigurationFile | None, apply: Callable[[Configuration], None]) -> None:
        """`file` is None in a process whose configuration comes from nowhere else."""
        self._file = file
        self._apply = apply
        self._task: asyncio.Task[None] | None = None

    def changed(self, change: Change) -> None:
        """Take up the version that was applied; an earlier one that is still waited for is no longer."""
        if change.kind != "configuration" or self._file is None:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._follow(self._file, change.id))

    async def close(self) -> None:
        """Stop waiting."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _follow(self, file: ConfigurationFile, digest: str) -> None:
        end = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            try:
                configuration, found = await asyncio.to_thread(file.read)
            except ConfigurationError as error:
                configuration, found = None, ""
                reason = str(error)
            else:
                reason = "the file here is another one than the one that was applied"
            if configuration is not None and found == digest:
                self._apply(configuration)
                log.info("configuration.applied", digest=digest)
                return
            if asyncio.get_running_loop().time() > end:
                log.error("configuration.refused", reason=reason, digest=digest)
                return
            await asyncio.sleep(TRY_SECONDS)
