"""Money in integers of nano-dollars; dollars appear only where people and clients read them."""

NANO = 1_000_000_000
"""Nano-dollars in a dollar."""


def to_dollars(nano: int) -> float:
    """Return dollars as the nearest float, for JSON answers; the division of two integers rounds once."""
    return nano / NANO
