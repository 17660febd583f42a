"""Which questions and news may touch the tables: those whose every value can be counted with, and written down."""

from functools import lru_cache
from math import isfinite
from typing import get_args

from shared.schemas.limits import Ask, Released, Settled
from shared.schemas.scopes import SEPARATOR, ScopeKind

MOST = 2**53
"""Tokens, or nano-dollars (nine million dollars), of one request; sums of as many as there may be fit a message."""

LONGEST_ID = 1024
"""Characters of a request's id, or an owner's; an attempt's has a deployment's in it, and that a model group's name."""

REMEMBERED = 4096
"""Scopes that are known to be named well: most questions are about the same few."""

_KINDS = frozenset(get_args(ScopeKind))


def is_sound(ask: Ask) -> bool:
    """Tell whether a question can be decided; one that cannot would break the tables, or the journal, for everybody."""
    if not (_is_named(ask.id) and _is_named(ask.owner) and 0 <= ask.tokens <= MOST and 0 <= ask.cost <= MOST):
        return False
    if not (isfinite(ask.deadline) and isfinite(ask.wait)):
        return False
    return all(_is_scope(quota.scope) and isfinite(quota.since) and isfinite(quota.until) for quota in ask.quotas)


def is_sound_use(settled: Settled) -> bool:
    """Tell whether what a request used can be counted."""
    return _is_named(settled.id) and 0 <= settled.tokens <= MOST and 0 <= settled.cost <= MOST and isfinite(settled.at)


def is_sound_end(released: Released) -> bool:
    """Tell whether the end of a request can be noted."""
    return _is_named(released.id)


@lru_cache(REMEMBERED)
def _is_scope(text: str) -> bool:
    kind, _, id = text.partition(SEPARATOR)
    return bool(id) and kind in _KINDS


def _is_named(id: str) -> bool:
    return 0 < len(id) <= LONGEST_ID
