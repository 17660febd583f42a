"""The model groups that this worker can serve: from the configuration, and from the store as of the last change."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable

import structlog

from services.router.target import Target
from shared.errors import ModelNotFound, Unavailable
from shared.schemas.control import Change
from shared.settings import Deployment

log = structlog.get_logger(__name__)

LOAD_SECONDS = 1.0
"""How long a request for an unknown name waits for a catalog that is being read again."""

Load = Callable[[], Coroutine[None, None, list[tuple[str, Deployment]]]]
"""Reads the stored deployments as (model group, deployment); raises `Unavailable`."""


class Catalog:
    """Model groups by name."""

    def __init__(
        self,
        fixed: Iterable[tuple[str, Deployment]],
        load: Load,
        prepare: Callable[[Deployment], Target],
        on_reload: Callable[[list[Target]], None],
    ) -> None:
        self._prepare = prepare
        self._load = load
        self._on_reload = on_reload
        self._targets: dict[str, Target] = {}
        self._fixed = list(fixed)
        self._stored: list[tuple[str, Deployment]] = []
        self._groups: dict[str, tuple[Target, ...]] = {}
        self._reload: asyncio.Task[None] | None = None
        self._again = False
        self.loaded = False
        """False until the store was read once."""
        self._build()

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def names(self) -> list[str]:
        """The names of all model groups."""
        return list(self._groups)

    async def group(self, name: str) -> tuple[Target, ...]:
        """Return the deployments of a model group; raise `ModelNotFound`, or `Unavailable` where it may exist."""
        found = self._groups.get(name)
        if found is not None:
            return found
        if self._reload is not None:
            await asyncio.wait([self._reload], timeout=LOAD_SECONDS)
        found = self._groups.get(name)
        if found is not None:
            return found
        if not self.loaded:
            raise Unavailable("the database does not answer, so only configured models are known", retry_after=2)
        raise ModelNotFound(f"The model '{name[:200]}' does not exist.", param="model")

    def known(self, name: str) -> tuple[Target, ...] | None:
        """Return the deployments of a model group if it is known right now."""
        return self._groups.get(name)

    def changed(self, change: Change) -> None:
        """Read the models again when one changed, or a credential that they may use."""
        if change.kind in ("model", "credential"):
            self.reload()

    def reload(self) -> None:
        """Read the store again in the background; a reload that runs already is followed by one more."""
        self._again = True
        if self._reload is None:
            self._reload = asyncio.ensure_future(self._reloading())

    async def close(self) -> None:
        """Stop reading."""
        if self._reload is not None:
            self._reload.cancel()
            await asyncio.wait([self._reload])

    async def _reloading(self) -> None:
        try:
            while self._again:
                self._again = False
                try:
                    self._stored = await self._load()
                except Unavailable as error:
                    log.warning("catalog.store_unavailable", error=error.message)
                    self._again = True
                    await asyncio.sleep(0.5)
                else:
                    self.loaded = True
                    self._build()
        finally:
            self._reload = None

    def _build(self) -> None:
        """Make the table anew; a deployment that did not change stays the same object, with its connections."""
        groups: dict[str, list[Target]] = defaultdict(list)
        targets: dict[str, Target] = {}
        for name, deployment in (*self._fixed, *self._stored):
            before = self._targets.get(deployment.id)
            target = before if before is not None and before.deployment == deployment else self._prepare(deployment)
            targets[deployment.id] = target
            groups[name].append(target)
        self._targets = targets
        self._groups = {name: tuple(members) for name, members in groups.items()}
        self._on_reload(list(targets.values()))
