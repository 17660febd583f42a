"""What a worker may call: deployments of the file, the environment and the store, each with its credential."""

from dataclasses import replace

import structlog

from shared.catalog.fixed import fixed_deployments, reached
from shared.credentials.references import refers
from shared.credentials.resolver import Resolver
from shared.pricing.table import PriceTable
from shared.settings import Configuration, Deployment, Runtime
from shared.store.credentials import Credentials
from shared.store.models import Models, usable_deployments

log = structlog.get_logger(__name__)

Named = tuple[str, Deployment]
"""A deployment with the model group that it is in."""

MOST_NAMED = 50
"""Model groups that one line of the log names."""


class Deployments:
    """Reads them where they are declared; the catalog asks when something changed."""

    def __init__(
        self, runtime: Runtime, prices: PriceTable, models: Models, credentials: Credentials, resolver: Resolver
    ) -> None:
        self._runtime = runtime
        self._prices = prices
        self._models = models
        self._credentials = credentials
        self._resolver = resolver
        self._fixed = fixed_deployments(runtime, prices)
        self._withheld: frozenset[str] = frozenset()

    @property
    def withheld(self) -> frozenset[str]:
        """The model groups that exist, and of which the last `load` found no deployment that can be used."""
        return self._withheld

    @property
    def fixed(self) -> list[Named]:
        """The deployments that need no database and nothing else."""
        return [item for item in self._fixed if not refers(item[1])]

    def fix(self, configuration: Configuration) -> list[Named]:
        """Go by another configuration from now on, and return `fixed`."""
        self._fixed = fixed_deployments(replace(self._runtime, configuration=configuration), self._prices)
        return self.fixed

    async def load(self) -> list[Named]:
        """Return all others: stored ones, and those of the file whose credential stands elsewhere.

        Raises `StoreUnavailable`.
        """
        records = await self._models.all()
        stored = usable_deployments(records, self._runtime.encryption_keys, await self._credentials.by_name())
        referring = [item for item in self._fixed if refers(item[1])]
        found = [(name, reached(deployment, self._fixed)) for name, deployment in stored]
        usable = await self._resolver.resolved([*referring, *found])
        present = {name for name, _ in referring} | {record.model_name for record in records if not record.blocked}
        withheld = frozenset(present - {name for name, _ in usable})
        if withheld and withheld != self._withheld:
            # Of each deployment it was said before why.
            log.warning("router.groups_not_served", groups=sorted(withheld)[:MOST_NAMED], count=len(withheld))
        self._withheld = withheld
        return usable
