"""What a unit costs, and what a usage costs: integers of nano-dollars, computed once."""

from dataclasses import dataclass
from typing import Protocol

from shared.pricing.usage import Usage


@dataclass(frozen=True, slots=True)
class Cost:
    """What an attempt cost."""

    nano: int
    """Nano-dollars; 0 when unpriced."""
    unpriced: bool
    """True when no price is known: never silently free."""
    version: str
    """The price table's version and entry, or `override`, that the figure came from."""


class Price(Protocol):
    """The price of one deployment's model."""

    def cost(self, usage: Usage) -> Cost:
        """Return the cost of a usage; the same usage costs the same on every route."""
        ...
