"""What a snapshot is made of, from the tables and back."""

from collections.abc import Callable

import msgspec

from services.auth.domain.limiter.records import Admitted
from services.auth.domain.limiter.tables import BUDGET, PARALLEL, Hold, ScopeState
from services.auth.domain.limiter.windows import GRIDS, Window, WindowKind


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


def scope_entry(scope: ScopeState, first: int) -> ScopeEntry:
    """Return a scope's entry, with the buckets from `first` on."""
    purse = scope.purse
    if purse is not None:
        known = PurseEntry(purse.since, purse.until, purse.spent, purse.asked, purse.read, purse.again, purse.pause)
    return ScopeEntry(
        scope.text,
        _counting(scope.requests, first),
        _counting(scope.tokens, first),
        None if purse is None else known,
        scope.pace,
        scope.used,
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
    )


def restored_scope(entry: ScopeEntry, moved: Callable[[int], int]) -> ScopeState:
    """Return the scope of an entry; `moved` gives the place of a bucket."""
    scope = ScopeState(entry.text)
    scope.requests, scope.tokens = _window(entry.requests, moved), _window(entry.tokens, moved)
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
    return Hold(admitted, states, entry.at, bucket, released=entry.released, settled=entry.settled)


def bucket_of(before: WindowKind, after: WindowKind, now: float) -> Callable[[int], int]:
    """Return what a bucket of one kind of window is in the other: that of its last moment, so never too early."""
    if before == after:
        return lambda bucket: bucket
    old, new = GRIDS[before], GRIDS[after]
    return lambda bucket: new.moment(min(now, (bucket + 1) * old.width - 0.001)).bucket


def _counting(window: Window | None, first: int) -> dict[int, int] | None:
    if window is None:
        return None
    return {bucket: amount for bucket, amount in window.buckets.items() if bucket >= first}


def _window(buckets: dict[int, int] | None, moved: Callable[[int], int]) -> Window | None:
    if buckets is None:
        return None
    window = Window()
    for bucket, amount in buckets.items():
        window.add(moved(bucket), amount, 0)
    window.oldest = min(window.buckets, default=0)
    return window
