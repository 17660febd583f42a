"""How large a request may become: tokens for its rate limits, and the most that it may cost."""

from collections.abc import Sequence
from typing import NamedTuple

from services.auth.domain.facts import Facts
from services.auth.domain.offers import Offer
from shared.errors import Forbidden
from shared.pricing.bounds import cost_bound
from shared.pricing.estimate import expected_output


class Estimate(NamedTuple):
    """What a request is taken for until it ended."""

    tokens: int = 0
    cost: int = 0
    """Nano-dollars at most."""


def estimate(facts: Facts, offers: Sequence[Offer]) -> Estimate:
    """Return the estimate for a request to any of these deployments; the dearest of them counts."""
    tokens = (facts.input or 0) + expected_output(facts.requested, facts.choices)
    return Estimate(tokens, max([_bound(facts, offer) for offer in offers], default=0))


def check_priced(asked: str, offers: Sequence[Offer]) -> None:
    """Raise `Forbidden` where the cost of a request could not be told, for callers under a budget."""
    if not all(offer.price.known for offer in offers):
        raise Forbidden(
            f"The model '{asked}' has no price, so it cannot be used under a budget.",
            param="model",
            code="model_unpriced",
        )


def _bound(facts: Facts, offer: Offer) -> int:
    return cost_bound(offer.price, facts.input or 0, facts.requested, facts.choices, offer.most_output)
