"""From the limiter's refusals to what a caller sees when no deployment of a model has room."""

from collections.abc import Sequence
from math import inf

from shared.errors import RateLimited
from shared.schemas.limits import Refusal, Verdict
from shared.schemas.scopes import Scope
from shared.wire.limit_refusals import rate_sentence, refusal_headers

_NAMES = {"deployment": "what serves this model", "model_group": "this model"}


class NoRoom(RateLimited):
    """A deployment, or its whole model group, is at a limit of its own."""

    everywhere = False
    """True where it is the model group: its other deployments need not be asked."""


def no_room(refusal: Refusal, verdict: Verdict) -> NoRoom:
    """Return the error of one refusal; the deployment's id stays out of it."""
    kind = Scope.parse(refusal.scope).kind
    error = NoRoom(
        rate_sentence(refusal, _NAMES[kind]),
        retry_after=refusal.retry_after,
        headers=refusal_headers(refusal, verdict),
    )
    error.everywhere = kind == "model_group"
    return error


def soonest(refused: Sequence[NoRoom]) -> NoRoom:
    """Return the refusal whose wait ends first, but the model group's own where there is one: it bars all the others.

    Raises `ValueError` where nothing refused.
    """
    barring = [error for error in refused if error.everywhere] or refused
    return min(barring, key=lambda error: inf if error.retry_after is None else error.retry_after)
