"""What stands in a request's way, and what is said of it: reads the tables, changes nothing that counts."""

from collections.abc import Callable, Iterable, Mapping
from math import inf

import msgspec

from services.auth.domain.limiter.purse import UNREAD
from services.auth.domain.limiter.tables import BUDGET, PARALLEL, REQUESTS, TOKENS, ScopeState
from services.auth.domain.limiter.windows import Moment, Window
from shared.schemas.limits import Ask, Measure, Quota, Refusal, Room, Verdict

LEDGER = 16
"""A bit beside those of what counts: the ledger must be read before anybody can say."""

MARGIN = 0.001
"""Seconds beyond the end of a period, so that a client that waits as told is past it."""

SHORTEST, LONGEST = 1.0, 30.0
"""Bounds, in seconds, of an estimate when a request in flight will end."""

BLANK = ScopeState("")
"""Stands for a scope in which nothing was counted yet; nobody writes to it."""

Obstacle = tuple[Quota, ScopeState, int]
"""A scope whose limits a request does not fit, and which of them, as bits."""

_Tight = tuple[int, int, Window | None]
"""A limit, what is left of it, and where it is counted."""

_MEASURES: tuple[tuple[int, Measure], ...] = (
    (REQUESTS, "requests"),
    (TOKENS, "tokens"),
    (PARALLEL, "parallel"),
    (BUDGET, "budget"),
)


def counted_by(quota: Quota) -> int:
    """Return what counts in a scope, as bits."""
    bits = 0
    if quota.rpm is not None:
        bits = REQUESTS
    if quota.tpm is not None:
        bits |= TOKENS
    if quota.parallel is not None:
        bits |= PARALLEL
    if quota.budget is not None or quota.soft is not None:
        bits |= BUDGET
    return bits


def in_the_way(quota: Quota, state: ScopeState, tokens: int, moment: Moment) -> int:
    """Return the limits of one scope that a request does not fit, as bits; 0 if it fits.

    Tokens fit while their sum stays within the limit. A request larger than the limit fits an empty window, since it
    would never fit another one. Money fits while what is spent and held is below the budget.
    """
    bits = 0
    if quota.rpm is not None and _used(state.requests, moment) >= quota.rpm:
        bits = REQUESTS
    if quota.tpm is not None:
        used = _used(state.tokens, moment)
        if used >= quota.tpm or (used and used + tokens > quota.tpm):
            bits |= TOKENS
    if quota.parallel is not None and state.slots >= quota.parallel:
        bits |= PARALLEL
    if quota.budget is not None:
        purse = state.purse
        spent = UNREAD if purse is None else purse.spent_in(quota.since, quota.until)
        if quota.budget <= 0:
            bits |= BUDGET
        elif spent == UNREAD or purse is None:
            bits |= LEDGER
        elif spent + purse.held >= quota.budget:
            bits |= BUDGET
    return bits


def again(ask: Ask, scopes: Mapping[str, ScopeState], moment: Moment) -> Verdict:
    """Return the verdict of a request that was admitted before."""
    for quota in ask.quotas:
        in_the_way(quota, scopes.get(quota.scope, BLANK), ask.tokens, moment)
    return answer(ask, scopes, moment)


def longest(found: Iterable[Obstacle], tokens: int, moment: Moment) -> Refusal:
    """Return the refusal that holds longest: whoever waits for it is past the others too."""
    refusals = (
        _REFUSE[measure](quota, state, tokens, moment)
        for quota, state, bits in found
        for bit, measure in _MEASURES
        if bits & bit
    )
    return max(refusals, key=lambda refusal: inf if refusal.retry_after is None else refusal.retry_after)


def kept(quota: Quota, state: ScopeState, measure: Measure, tokens: int, moment: Moment) -> Refusal:
    """Return the refusal of a request that would fit, had not others waited for that limit before it."""
    refusal = _REFUSE[measure](quota, state, tokens, moment)
    return msgspec.structs.replace(refusal, retry_after=max(SHORTEST, refusal.retry_after or 0.0))


def counts(quota: Quota, measure: Measure) -> bool:
    """Tell whether a scope has a limit of this measure."""
    return any(counted_by(quota) & bit for bit, named in _MEASURES if named == measure)


def passes(refusal: Refusal) -> bool:
    """Tell whether waiting for a moment may help: not where money is spent, or nothing is allowed at all."""
    return refusal.retry_after is not None and (refusal.measure != "budget" or refusal.used < refusal.limit)


def answer(ask: Ask, scopes: Mapping[str, ScopeState], moment: Moment, refusal: Refusal | None = None) -> Verdict:
    """Return a verdict with the room that is left, and the scopes that are past their soft budget.

    The windows must have been looked at at this moment, by `in_the_way` or by an admission.
    """
    requests: _Tight | None = None
    tokens: _Tight | None = None
    soft: tuple[str, ...] = ()
    for quota in ask.quotas:
        state = scopes.get(quota.scope, BLANK)
        if (limit := quota.rpm) is not None:
            left = limit - (window.total if (window := state.requests) else 0)
            if requests is None or left < requests[1]:
                requests = limit, left, window
        if (limit := quota.tpm) is not None:
            left = limit - (window.total if (window := state.tokens) else 0)
            if tokens is None or left < tokens[1]:
                tokens = limit, left, window
        if quota.soft is not None and (purse := state.purse):
            spent = purse.spent_in(quota.since, quota.until)
            if spent != UNREAD and spent >= quota.soft:
                soft += (quota.scope,)
    return Verdict(
        ask.id,
        refusal,
        None if requests is None else _room(requests, moment),
        None if tokens is None else _room(tokens, moment),
        soft,
    )


def _used(window: Window | None, moment: Moment) -> int:
    if window is None:
        return 0
    return window.total if window.oldest > moment.first else window.used(moment)


def _room(tight: _Tight, moment: Moment) -> Room:
    limit, left, window = tight
    return Room(limit, max(0, left), 0.0 if window is None else max(0.0, window.whole_at() - moment.now))


def _by_requests(quota: Quota, state: ScopeState, tokens: int, moment: Moment) -> Refusal:
    limit, used = quota.rpm or 0, _used(state.requests, moment)
    wait = _until_free(state.requests, used - limit + 1, moment) if limit > 0 else None
    return Refusal(quota.scope, "requests", limit, used, retry_after=wait)


def _by_tokens(quota: Quota, state: ScopeState, tokens: int, moment: Moment) -> Refusal:
    limit, used = quota.tpm or 0, _used(state.tokens, moment)
    surplus = min(used, used + max(1, tokens) - limit)
    wait = _until_free(state.tokens, surplus, moment) if limit > 0 else None
    return Refusal(quota.scope, "tokens", limit, used, retry_after=wait)


def _by_slots(quota: Quota, state: ScopeState, tokens: int, moment: Moment) -> Refusal:
    limit = quota.parallel or 0
    return Refusal(quota.scope, "parallel", limit, state.slots, retry_after=_until_end(state) if limit > 0 else None)


def _by_money(quota: Quota, state: ScopeState, tokens: int, moment: Moment) -> Refusal:
    limit, purse = quota.budget or 0, state.purse
    spent = max(0, purse.spent_in(quota.since, quota.until)) if purse else 0
    if purse is not None and spent < limit:
        return Refusal(quota.scope, "budget", limit, spent, purse.held, _until_end(state))
    wait = max(SHORTEST, quota.until - moment.now + MARGIN) if quota.until and limit > 0 else None
    return Refusal(quota.scope, "budget", limit, spent, retry_after=wait)


def _until_free(window: Window | None, surplus: int, moment: Moment) -> float:
    return SHORTEST if window is None else max(0.0, window.free_at(surplus) - moment.now)


def _until_end(state: ScopeState) -> float:
    """Return when the first of the requests in flight is likely to end."""
    return min(LONGEST, max(SHORTEST, state.pace / max(1, state.holds)))


_REFUSE: dict[Measure, Callable[[Quota, ScopeState, int, Moment], Refusal]] = {
    "requests": _by_requests,
    "tokens": _by_tokens,
    "parallel": _by_slots,
    "budget": _by_money,
}
