"""How large an answer a request allows, as both dialects say it in their bodies."""

from collections.abc import Callable
from typing import Any

MAX_CHOICES = 128
"""Answers that a request is taken to ask for at most; what asks for more is the provider's to refuse."""

MAX_REQUESTED = 10_000_000
"""Tokens of an answer; no model writes as many."""

Field = Callable[[str], Any]
"""Returns a field of the body, None where there is none."""


def requested_output(field: Field) -> int | None:
    """Return the largest length that is asked for, in tokens; None where nothing is said.

    Which of the fields counts is the provider's to say. Google's API has it within `generationConfig`, and Amazon's
    Converse within `inferenceConfig`.
    """
    values = [field(name) for name in ("max_completion_tokens", "max_tokens", "max_output_tokens")]
    for within, name in (("generationConfig", "maxOutputTokens"), ("inferenceConfig", "maxTokens")):
        config = field(within)
        if isinstance(config, dict):
            values.append(config.get(name))
    stated = [value for each in values if (value := _whole(each)) > 0]
    return min(max(stated), MAX_REQUESTED) if stated else None


def choices(field: Field) -> int:
    """Return how many answers are asked for."""
    config = field("generationConfig")
    candidates = _whole(config.get("candidateCount")) if isinstance(config, dict) else 0
    return min(max(1, _whole(field("n")), candidates), MAX_CHOICES)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
