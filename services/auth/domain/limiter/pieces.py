"""What a snapshot is made of, from the tables and back."""

from collections.abc import Callable

import msgspec

from services.auth.domain.limiter.records import Admitted
from services.auth.domain.limiter.tables import BUDGET, PARALLEL, Hold, ScopeState
from services.auth.domain.limiter.windows import MINUTE, Grid, Moment, Window, WindowKind

Moved = Callable[[int, float], Moment]
"""From a bucket of a snapshot, and when it counts no more (0 where that is not known), to its place."""


class PurseEntry(msgspec.Struct, frozen=True, array_like=True):
    """A budget that was read from the ledger, or, where `read` is 0, is yet to be."""

    since: float
    until: float
    spent: int
    asked: float
    read: float
    again: float
    pause: float


class ScopeEntry(msgspec.Struct, frozen=True, array_like=True):
    """A scope; what its holds make of it follows from them."""

    text: str
    requests: dict[int, int] | None
    tokens: dict[int, int] | None
    purse: PurseEntry | None
    pace: float
    used: float
    request_ends: dict[int, float] | None = None
    """When each bucket of `requests` counts no more."""
    token_ends: dict[int, float] | None = None
    tenant: str = ""


class HoldEntry(msgspec.Struct, frozen=True, array_like=True):
    """A request that is not both settled and released."""

    id: str
    owner: str
    deadline: float
    tokens: int
    cost: int
    scopes: tuple[str, ...]
    counted: tuple[int, ...]
    at: float
    bucket: int
    released: bool
    settled: bool
    estimated: bool = False


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a snapshot; the order of the pieces matters."""

    window: WindowKind
    now: float
    stray: float = 0.0
    ended_began: float = 0.0
    scopes: tuple[ScopeEntry, ...] = ()
    holds: tuple[HoldEntry, ...] = ()
    ended: tuple[tuple[str, bool, bool], ...] = ()
    """Requests that are over: id, whether it was settled, whether it is of the young generation."""
    seconds: float = MINUTE
    """Of a window."""


def scope_entry(scope: ScopeState, moment: Moment) -> ScopeEntry:
    """Return a scope's entry, with what counts at that moment."""
    purse = scope.purse
    if purse is not None:
        known = PurseEntry(purse.since, purse.until, purse.spent, purse.asked, purse.read, purse.again, purse.pause)
    return ScopeEntry(
        scope.text,
        _counting(scope.requests, moment),
        _counting(scope.tokens, moment),
        None if purse is None else known,
        scope.pace,
        scope.used,
        _ends(scope.requests, moment),
        _ends(scope.tokens, moment),
        scope.tenant,
    )


def hold_entry(hold: Hold) -> HoldEntry:
    """Return a hold's entry."""
    admitted = hold.admitted
    return HoldEntry(
        admitted.id,
        admitted.owner,
        admitted.deadline,
        admitted.tokens,
        admitted.cost,
        admitted.scopes,
        admitted.counted,
        hold.at,
        hold.bucket,
        hold.released,
        hold.settled,
        hold.estimated,
    )


def restored_scope(entry: ScopeEntry, moved: Moved) -> ScopeState:
    """Return the scope of an entry; `moved` gives the place of a bucket."""
    scope = ScopeState(entry.text, tenant=entry.tenant)
    scope.requests = _window(entry.requests, entry.request_ends, moved)
    scope.tokens = _window(entry.tokens, entry.token_ends, moved)
    scope.pace, scope.used = entry.pace, entry.used
    if entry.purse is not None:
        purse = scope.new_purse()
        purse.since, purse.until, purse.spent = entry.purse.since, entry.purse.until, entry.purse.spent
        purse.asked, purse.read = entry.purse.asked, entry.purse.read
        purse.again, purse.pause = entry.purse.again, entry.purse.pause
    return scope


def restored_hold(entry: HoldEntry, states: tuple[ScopeState, ...], bucket: int) -> Hold:
    """Return the hold of an entry, and count it in its scopes."""
    admitted = Admitted(
        entry.id, entry.owner, entry.deadline, entry.tokens, entry.cost, entry.scopes, entry.counted
    )  # fmt: skip
    for state, counted in zip(states, entry.counted, strict=True):
        state.holds += 1
        if counted & PARALLEL and not entry.released:
            state.slots += 1
        if counted & BUDGET:
            purse = state.purse or state.new_purse()
            purse.held += 0 if entry.settled else entry.cost
    hold = Hold(admitted, states, entry.at, bucket, released=entry.released, settled=entry.settled)
    hold.estimated = entry.estimated
    return hold


def moved_to(grid: Grid, piece: Piece) -> Moved:
    """Return what a bucket of a snapshot is in this grid: where that was another one, the bucket of its last moment."""
    before = Grid(piece.window, piece.seconds)

    def moved(bucket: int, end: float) -> Moment:
        if before == grid and end:
            return Moment(piece.now, bucket, 0, end)
        return grid.moment(min(piece.now, before.last_moment(bucket)))

    return moved


def _counting(window: Window | None, moment: Moment) -> dict[int, int] | None:
    if window is None:
        return None
    return {bucket: amount for bucket, amount in window.buckets.items() if _counts(window, bucket, moment)}


def _ends(window: Window | None, moment: Moment) -> dict[int, float] | None:
    if window is None:
        return None
    return {bucket: end for bucket, end in window.ends.items() if _counts(window, bucket, moment)}


def _counts(window: Window, bucket: int, moment: Moment) -> bool:
    return bucket >= moment.first and window.ends[bucket] > moment.now


def _window(buckets: dict[int, int] | None, ends: dict[int, float] | None, moved: Moved) -> Window | None:
    if buckets is None:
        return None
    window = Window()
    for bucket, amount in buckets.items():
        place = moved(bucket, (ends or {}).get(bucket, 0.0))
        window.add(place._replace(first=0), amount)
    window.oldest = min(window.buckets, default=0)
    return window
