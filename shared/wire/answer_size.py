"""How large an answer a request allows, as both dialects say it in their bodies."""

from collections.abc import Callable
from typing import Any

MAX_CHOICES = 128
"""Answers that a request may ask for at once; what asks for more is the provider's to refuse."""

MAX_REQUESTED = 10_000_000
"""Tokens of an answer; no model writes as many."""

Field = Callable[[str], Any]
"""Returns a field of the body, None where there is none."""


def requested_output(field: Field) -> int | None:
    """Return the tokens of the answer at most, as the caller asked; None where it did not say."""
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        value = field(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return min(value, MAX_REQUESTED)
    return None


def choices(field: Field) -> int:
    """Return how many answers the caller asked for."""
    value = field("n")
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_CHOICES else 1
