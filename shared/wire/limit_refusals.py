"""What a caller is told when a limit refuses: in words, and in headers."""

import math

from shared.schemas.limits import Measure, Refusal, Verdict
from shared.schemas.scopes import Scope
from shared.wire.limit_headers import room_headers

_UNITS: dict[Measure, str] = {
    "requests": "requests per minute",
    "tokens": "tokens per minute",
    "parallel": "requests at a time",
}


def rate_sentence(refusal: Refusal, who: str) -> str:
    """Return the sentence for a limit that is no budget; `who` says whose it is."""
    return (
        f"The limit of {refusal.limit} {_UNITS[refusal.measure]} of {who} is reached.{wait_words(refusal.retry_after)}"
    )


def wait_words(seconds: float | None) -> str:
    """Return when to come again, as a sentence that follows another; nothing where waiting does not help."""
    return "" if seconds is None else f" Try again in {max(1, math.ceil(seconds))} s."


def refusal_headers(refusal: Refusal, verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """Return the room that is left, the kind of scope that refused, and what it counts; no id, which are secret."""
    return (
        *room_headers(verdict.requests, verdict.tokens).items(),
        ("x-tollway-limit-scope", Scope.parse(refusal.scope).kind),
        ("x-tollway-limit-measure", refusal.measure),
    )
