"""Money in integers of nano-dollars; dollars appear only where people and clients read them."""

from decimal import Decimal

NANO = 1_000_000_000
"""Nano-dollars in a dollar."""


def to_dollars(nano: int) -> float:
    """Return dollars as the nearest float, for JSON answers."""
    return float(Decimal(nano) / NANO)
