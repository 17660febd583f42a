"""What a native request is held at that names no model."""

from services.passthrough.domain.targets import targets_of
from services.passthrough.prices import Prices
from shared.pricing.table import PriceTable
from shared.settings import Configuration


def test_the_demo_provider_has_the_models_that_the_file_gives_it() -> None:
    """No table of prices knows it, and a vendor's route may lead there."""
    deployment = {"provider": "demo", "model": "demo", "api_base": "http://127.0.0.1:9", "api_key": "k"}
    model = {"model_name": "demo", "deployments": [deployment]}
    configuration = Configuration.model_validate({"models": [model]})
    prices = Prices(PriceTable(), configuration)
    for target in targets_of(configuration, {}).values():
        assert [price.known for price, _ in prices.all_of(target)] == [True]
