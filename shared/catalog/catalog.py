"""The model groups that a worker knows: from the configuration, and from the store as of the last change."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Generic, Protocol, TypeVar

import structlog

from shared.errors import ModelNotFound, Unavailable
from shared.schemas.control import Change
from shared.settings import Deployment

log = structlog.get_logger(__name__)

LOAD_SECONDS = 1.0
"""How long a request for an unknown name waits for a catalog that is being read again."""

RETRY_SECONDS = 5
"""When a request for a group without a usable credential may come again: the router tries to read it as often."""

Load = Callable[[], Coroutine[None, None, list[tuple[str, Deployment]]]]
"""Reads the stored deployments as (model group, deployment); raises `Unavailable`."""


class Prepared(Protocol):
    """A deployment made ready for whoever follows the catalog."""

    @property
    def deployment(self) -> Deployment:
        """The deployment itself."""
        ...


T = TypeVar("T", bound=Prepared)


class Catalog(Generic[T]):
    """Model groups by name, each with its deployments as `prepare` makes them."""

    def __init__(
        self,
        fixed: Iterable[tuple[str, Deployment]],
        load: Load,
        prepare: Callable[[Deployment], T],
        on_reload: Callable[[list[T]], None] = lambda _: None,
        withheld: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """`withheld` names the model groups that exist and of which no deployment could be loaded."""
        self._prepare = prepare
        self._load = load
        self._on_reload = on_reload
        self._withheld = withheld
        self._targets: dict[str, T] = {}
        self._fixed = list(fixed)
        self._stored: list[tuple[str, Deployment]] = []
        self._groups: dict[str, tuple[T, ...]] = {}
        self._reload: asyncio.Task[None] | None = None
        self._again = False
        self._access_groups: dict[str, tuple[str, ...]] = {}
        self.generation = 0
        """Raised whenever the groups are made anew."""
        self.loaded = False
        """False until the store was read once."""
        self._build()

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def names(self) -> list[str]:
        """The names of all model groups."""
        return list(self._groups)

    async def group(self, name: str) -> tuple[T, ...]:
        """Return the deployments of a model group.

        Raises `ModelNotFound`, or `Unavailable` where it may exist, or exists and cannot be served.
        """
        found = self._groups.get(name)
        if found is not None:
            return found
        await self.settle()
        found = self._groups.get(name)
        if found is not None:
            return found
        if not self.loaded:
            raise Unavailable("the database does not answer, so only configured models are known", retry_after=2)
        if name in self._withheld():
            raise Unavailable(
                f"the model '{name[:200]}' exists, but no credential of its deployments can be read; "
                "whoever runs this gateway finds the reason in the router's log",
                retry_after=RETRY_SECONDS,
            )
        raise ModelNotFound(f"The model '{name[:200]}' does not exist.", param="model")

    @property
    def settled(self) -> bool:
        """False while the store is being read, and so a change that was heard may not count yet."""
        return self.loaded and self._reload is None

    async def settle(self) -> bool:
        """Wait until what was heard of counts, `LOAD_SECONDS` at most; tell whether it does."""
        if self._reload is not None:
            await asyncio.wait([self._reload], timeout=LOAD_SECONDS)
        return self.settled

    def known(self, name: str) -> tuple[T, ...] | None:
        """Return the deployments of a model group if it is known right now."""
        return self._groups.get(name)

    def members(self, access_group: str) -> tuple[str, ...]:
        """Return the model groups of an access group; none when there is no such group."""
        return self._access_groups.get(access_group, ())

    def changed(self, change: Change) -> None:
        """Read the models again when one changed, or a credential that they may use."""
        if change.kind in ("model", "credential"):
            self.reload()

    def fix(self, fixed: Iterable[tuple[str, Deployment]]) -> None:
        """Go by other configured deployments from now on."""
        self._fixed = list(fixed)
        self._build()
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
        groups: dict[str, list[T]] = defaultdict(list)
        access_groups: dict[str, dict[str, None]] = defaultdict(dict)
        targets: dict[str, T] = {}
        for name, deployment in (*self._fixed, *self._stored):
            before = self._targets.get(deployment.id)
            target = before if before is not None and before.deployment == deployment else self._prepare(deployment)
            targets[deployment.id] = target
            groups[name].append(target)
            for access_group in deployment.access_groups:
                access_groups[access_group][name] = None
        self._targets = targets
        self._groups = {name: tuple(members) for name, members in groups.items()}
        self._access_groups = {name: tuple(members) for name, members in access_groups.items()}
        self.generation += 1
        self._on_reload(list(targets.values()))


def provider_names(name: str, members: Collection[Prepared]) -> tuple[str, ...]:
    """Return a model group's name with its provider, such as `openai/gpt-4o`, for wildcards in lists of models.

    Only a group that goes by the provider's own name of the model has one, and only where one provider serves it.
    """
    providers = {member.deployment.provider for member in members}
    if len(providers) == 1 and any(member.deployment.model == name for member in members):
        return (f"{providers.pop()}/{name}",)
    return ()
