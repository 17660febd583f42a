"""The configuration as this worker goes by it: read at the start, and again when a reload was asked for."""

import asyncio
from collections.abc import Sequence

import structlog

from shared.schemas.control import Change
from shared.settings import Configuration, ConfigurationError, Deployment, Runtime

log = structlog.get_logger(__name__)

RELOADABLE = frozenset({"budgets", "customers", "keys", "models", "teams", "users"})
"""Sections that a reload applies; all others count from the next restart on (SIGHUP)."""


class Current:
    """What the file said last."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._reading: set[asyncio.Task[None]] = set()
        self.configuration = runtime.configuration

    @property
    def deployments(self) -> Sequence[tuple[str, str, Deployment]]:
        """The file's (model group, id, deployment); the router gives the same ids."""
        return [
            (group.model_name, deployment.id or f"{group.model_name}/{index}", deployment)
            for group in self.configuration.models
            for index, deployment in enumerate(group.deployments)
        ]

    @property
    def deployment_ids(self) -> frozenset[str]:
        """The ids of the file's deployments, which only the file changes."""
        return frozenset(id for _, id, _ in self.deployments)

    async def read(self) -> Configuration:
        """Return what the file says now, without going by it yet; raises `ConfigurationError`."""
        return await asyncio.to_thread(self._runtime.configuration_now)

    def unapplied(self, configuration: Configuration) -> list[str]:
        """Return the sections that differ from those at the start, and that a reload does not apply."""
        names = [name for name in type(configuration).model_fields if name not in RELOADABLE]
        return [name for name in names if getattr(configuration, name) != getattr(self._runtime.configuration, name)]

    def changed(self, change: Change) -> None:
        """Read the file again when another worker applied it."""
        if change.kind == "configuration":
            self.reread()

    def reread(self) -> None:
        """Read the file in the background; one that is wrong changes nothing."""
        task = asyncio.ensure_future(self._reread())
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _reread(self) -> None:
        try:
            self.configuration = await self.read()
        except ConfigurationError as error:
            log.error("admin.configuration_refused", reason=str(error))
