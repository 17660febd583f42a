"""The configuration as this worker goes by it: read at the start, and again when it was applied."""

import asyncio
from collections.abc import Sequence

from shared.catalog.fixed import configured_deployments
from shared.settings import Configuration, Deployment, Runtime
from shared.settings.problems import Problem

RELOADABLE = frozenset({"budgets", "customers", "keys", "models", "organizations", "teams", "users"})
"""Sections that a reload applies; all others count from the next restart on (SIGHUP)."""


class Current:
    """What the file said when it was applied last."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.configuration = runtime.configuration

    @property
    def deployments(self) -> Sequence[tuple[str, Deployment]]:
        """The file's (model group, deployment)."""
        return configured_deployments(self.configuration)

    @property
    def deployment_ids(self) -> frozenset[str]:
        """The ids of the file's deployments, which only the file changes."""
        return frozenset(deployment.id for _, deployment in self.deployments)

    @property
    def declares_objects(self) -> bool:
        """True where the file has something for the store."""
        return any(getattr(self.configuration, name) for name in RELOADABLE - {"models"})

    async def read(self) -> tuple[Configuration, str]:
        """Return what the file says now and its digest, without going by it yet; raises `ConfigurationError`."""
        if self._runtime.file is None:
            return self._runtime.configuration, ""
        return await asyncio.to_thread(self._runtime.file.read)

    async def located(self, problem: Problem) -> str:
        """Return what is wrong with the file as a sentence, with its line."""
        if self._runtime.file is None:
            return problem.sentence
        return await asyncio.to_thread(self._runtime.file.located, problem)

    def go_by(self, configuration: Configuration) -> None:
        """Go by another configuration from now on."""
        self.configuration = configuration

    def unapplied(self, configuration: Configuration) -> list[str]:
        """Return the sections that differ from those at the start, and that a reload does not apply."""
        names = [name for name in type(configuration).model_fields if name not in RELOADABLE]
        return [name for name in names if getattr(configuration, name) != getattr(self._runtime.configuration, name)]
