"""May a failed attempt be followed by another one, and where?"""

from enum import Enum

from shared.errors import BrokenStream, ProviderError, ProviderTimeout, ProviderUnreachable

ELSEWHERE = frozenset({401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that say something about this deployment at this moment, not about the request."""

SAME_AGAIN = frozenset({500, 502, 503, 529})
"""Statuses after which the same deployment is worth a second try when there is no other."""


class Next(Enum):
    """What follows a failure."""

    GIVE_UP = "give up"
    ELSEWHERE = "elsewhere"
    """Another deployment may succeed."""
    ANYWHERE = "anywhere"
    """Another deployment, or the same one again if there is no other."""


def after(error: ProviderError) -> Next:
    """Return what follows an error, as long as no byte of an answer went out."""
    if isinstance(error, ProviderUnreachable):
        return Next.ANYWHERE
    status = error.to_body().status
    if isinstance(error, ProviderTimeout):
        return Next.ELSEWHERE
    if isinstance(error, BrokenStream) or status in SAME_AGAIN:
        return Next.ANYWHERE
    return Next.ELSEWHERE if status in ELSEWHERE else Next.GIVE_UP
