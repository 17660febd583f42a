"""Who serves a model group, and for how much."""

from functools import cached_property, lru_cache

from services.auth.domain.offers import Offer
from shared.catalog.catalog import Catalog
from shared.pricing.table import PriceTable
from shared.settings import Deployment
from shared.settings.providers import PROVIDERS

KEPT = 1024
"""Names that are remembered; callers may ask for any."""


class Offers:
    """Knows the deployments of configuration and store, and guesses those that a provider key switches on.

    Auth is told no provider's key. A name that neither configuration nor store knows is served only where the
    environment of the router has such a key; it is the provider's own name then, at the provider's own price.
    """

    def __init__(self, catalog: Catalog[Offer], prices: PriceTable) -> None:
        self._catalog = catalog
        self._prices = prices
        self._generation = -1
        self._by_name: dict[tuple[str, str], Offer] = {}
        self._native = lru_cache(KEPT)(
            lambda provider, model: self.made(Deployment.model_validate({"provider": provider, "model": model}))
        )
        self._switched_on = lru_cache(KEPT)(self._find_switched_on)

    def of(self, model: str) -> tuple[Offer, ...]:
        """Return the deployments of a model group; none for a name that nobody can serve."""
        return self._catalog.known(model) or self._switched_on(model)

    async def settled(self, model: str) -> tuple[Offer, ...]:
        """Return the same once every change of models that was heard counts."""
        await self._catalog.settle()
        return self.of(model)

    def native(self, provider: str, model: str) -> Offer:
        """Return what a provider's model costs where it is called by its own API: as a deployment of it does."""
        if self._generation != self._catalog.generation:
            self._generation = self._catalog.generation
            self._by_name = {
                (offer.deployment.provider, offer.deployment.model): offer
                for name in self._catalog.names
                for offer in self._catalog.known(name) or ()
            }
        return self._by_name.get((provider, model)) or self._native(provider, model)

    def _find_switched_on(self, model: str) -> tuple[Offer, ...]:
        return tuple(
            self.made(Deployment.model_validate({"provider": provider, "model": model}))
            for provider, models in self._chat_models.items()
            if model in models
        )

    def made(self, deployment: Deployment) -> Offer:
        """Return a deployment with its price."""
        return offer_of(deployment, self._prices)

    @cached_property
    def _chat_models(self) -> dict[str, frozenset[str]]:
        return {provider: frozenset(self._prices.models(provider)) for provider in PROVIDERS}


def offer_of(deployment: Deployment, prices: PriceTable) -> Offer:
    """Return what is known of a deployment, of which reading its price may take a while the first time."""
    return Offer(deployment, prices.price_of(deployment), prices.most_output(deployment))
