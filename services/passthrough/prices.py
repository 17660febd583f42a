"""The price of a model by pass-through: that of the deployment by which the router reaches the same model."""

from functools import lru_cache

from services.passthrough.domain.targets import Target
from shared.pricing.prices import Price
from shared.pricing.table import PriceTable
from shared.settings.file import Configuration
from shared.settings.models import Deployment

KEPT = 1024
"""Prices that are remembered; callers may name any model."""


class Prices:
    """Looks prices up once."""

    def __init__(self, table: PriceTable, configuration: Configuration) -> None:
        self._table = table
        self._deployments: dict[tuple[str, str], Deployment] = {
            (deployment.provider, deployment.model): deployment
            for group in reversed(configuration.models)
            for deployment in reversed(group.deployments)
        }
        self.offer_of = lru_cache(KEPT)(self._look_up)
        self.all_of = lru_cache(KEPT)(self._look_up_all)

    def price_of(self, provider: str, model: str, api_base: str | None) -> Price:
        """Return what a provider's model costs."""
        return self.offer_of(provider, model, api_base)[0]

    def _look_up_all(self, target: Target) -> tuple[tuple[Price, int | None], ...]:
        """Return the prices of all models that a target is known to have."""
        stated = [model for provider, model in self._deployments if provider == target.provider]
        names = dict.fromkeys((*stated, *self._table.models(target.provider)))
        return tuple(self.offer_of(target.provider, name, target.api_base) for name in names)

    def _look_up(self, provider: str, model: str, api_base: str | None) -> tuple[Price, int | None]:
        """Return a model's price, and how long an answer of it may be, where an operator stated that."""
        deployment = self._deployments.get((provider, model))
        if deployment is None and provider == "demo":
            # The demo provider answers to any name, and has one price.
            deployment = next((item for item in self._deployments.values() if item.provider == "demo"), None)
        if deployment is None:
            deployment = Deployment.model_validate({"provider": provider, "model": model, "api_base": api_base})
        return self._table.price_of(deployment), self._table.most_output(deployment)
