"""Who serves a model group, as far as auth can tell."""

from services.auth.domain.offers import Offer
from services.auth.offers import Offers
from shared.catalog.catalog import Catalog, provider_names
from shared.pricing.table import PriceTable
from shared.settings import Deployment

PRICES = PriceTable()


async def nothing() -> list[tuple[str, Deployment]]:
    """Return what is stored: nothing."""
    return []


def deployment(id: str, **facts: object) -> Deployment:
    """Return a deployment."""
    return Deployment.model_validate({"id": id, "provider": "openai", "model": "gpt-4o", **facts})


def offers(*configured: tuple[str, Deployment]) -> Offers:
    """Return the offers of a configuration."""
    return Offers(Catalog(configured, nothing, lambda each: Offer(each, PRICES.price_of(each))), PRICES)


def test_a_configured_group_is_what_it_is() -> None:
    """All of its deployments, with their prices."""
    known = offers(("smart", deployment("1")), ("smart", deployment("2", provider="demo", model="demo")))
    assert [offer.deployment.id for offer in known.of("smart")] == ["1", "2"]
    assert all(offer.price.known for offer in known.of("smart"))


def test_a_provider_key_may_switch_on_what_nobody_configured() -> None:
    """Auth is not told whether there is one; the model is the provider's then, at its own price."""
    (found,) = offers().of("gpt-4o")
    assert (found.deployment.provider, found.deployment.model, found.price.known) == ("openai", "gpt-4o", True)
    assert provider_names("gpt-4o", offers().of("gpt-4o")) == ("openai/gpt-4o",)
    assert offers().of("no-such-model") == ()


def test_a_native_call_costs_what_the_deployment_costs() -> None:
    """Its operator's price holds, whatever the group is called; else the table's, or none."""
    known = offers(("smart", deployment("1", input_cost_per_token=1.0, output_cost_per_token=1.0)))
    assert known.native("openai", "gpt-4o").price.version == "override"
    assert known.native("openai", "gpt-4o-mini").price.known
    assert not known.native("openai", "home-made").price.known
