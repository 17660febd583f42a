"""The most that a request may cost before its answer is known: what a budget is asked for."""

from shared.pricing.prices import Price

DEFAULT_OUTPUT = 4096
"""Tokens of an answer for which the caller states no maximum, and nobody knows the model's."""


def output_bound(requested: int | None, possible: int | None) -> int:
    """Return the tokens of one answer at most: as the caller requested it, and as the model can write it."""
    if requested is None:
        return possible or DEFAULT_OUTPUT
    return min(requested, possible) if possible else requested


def cost_bound(price: Price, input: int, requested: int | None, choices: int, possible: int | None) -> int:
    """Return nano-dollars at most for so many tokens of input, and as many answers as `choices` says."""
    return choices * price.bound(input, output_bound(requested, possible))
