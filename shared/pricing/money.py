"""Money in integers of nano-dollars; dollars appear only where people and clients read them."""

from decimal import ROUND_HALF_UP, Decimal

NANO = 1_000_000_000
"""Nano-dollars in a dollar."""


def to_dollars(nano: int) -> float:
    """Return dollars as the nearest float, for JSON answers; the division of two integers rounds once."""
    return nano / NANO


def to_nano(dollars: float) -> int:
    """Return dollars as whole nano-dollars; a float counts as the decimal number that it prints as.

    What is more than nothing stays at least one nano-dollar: a tiny budget is not a budget of zero.
    """
    nano = int((Decimal(str(dollars)) * NANO).to_integral_value(ROUND_HALF_UP))
    return max(nano, 1) if dollars > 0 else nano
