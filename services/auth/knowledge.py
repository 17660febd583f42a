"""Everything that an auth worker knows from the store, kept true together."""

from dataclasses import dataclass

from services.auth.customers import Customers
from services.auth.domain.offers import Offer
from services.auth.records import Records
from services.auth.standings import Standings
from shared.catalog.catalog import Catalog
from shared.schemas.control import Change
from shared.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The caches that follow changes."""

    records: Records
    standings: Standings
    customers: Customers
    catalog: Catalog[Offer]

    def changed(self, change: Change) -> None:
        """Forget what changed."""
        self.standings.changed(change)
        self.customers.changed(change)
        self.catalog.changed(change)

    def reset(self) -> None:
        """Forget everything."""
        self.standings.clear()
        self.customers.reset()
        self.catalog.reload()

    def observe(self, metrics: Metrics) -> None:
        """Show how full the caches are."""
        for kind, cache in self.records.all.items():
            metrics.watch_cache(f"{kind}s", cache.__len__)
        metrics.watch_cache("unknown_keys", lambda: self.records.key.unknown)
        metrics.watch_cache("standings", self.standings.__len__)
        metrics.watch_cache("end_users", self.customers.__len__)

    async def close(self) -> None:
        """Stop reading."""
        await self.catalog.close()
        await self.customers.close()
