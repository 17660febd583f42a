"""What auth knows of a deployment: who serves which model, and for how much."""

from dataclasses import dataclass

from shared.pricing.prices import Price
from shared.settings import Deployment


@dataclass(frozen=True, slots=True)
class Offer:
    """One deployment of a model group, without its credential."""

    deployment: Deployment
    price: Price
    most_output: int | None = None
    """Tokens that the model writes at most, where that is known."""
