"""The tables as pieces of bounded size, taken while the limiter goes on deciding."""

from collections.abc import Iterable, Iterator

import msgspec

from services.auth.domain.limiter.ended import Ended
from services.auth.domain.limiter.pieces import HoldEntry, Piece, ScopeEntry, hold_entry, scope_entry
from services.auth.domain.limiter.tables import Hold, ScopeState
from services.auth.domain.limiter.windows import Grid

PIECE = 64_000
"""Bytes of a piece, as reckoned; what a codec makes of them stays below 256 KB."""

PER_ENTRY, PER_BUCKET, IDS = 250, 50, 1_000
"""Bytes reckoned for an entry beside its names, for a bucket of a window, and ended requests in a piece."""


class Snapshot:
    """The tables at the moment at which this was made, whatever changes afterwards.

    What is about to change is put aside first, so that the pieces can be drawn between one turn and the next.
    """

    def __init__(
        self,
        head: Piece,
        scopes: Iterable[ScopeState],
        holds: Iterable[Hold],
        ended: Ended,
        number: int,
    ) -> None:
        self._head = head
        self._moment = Grid(head.window, head.seconds).moment(head.now)
        self._scopes = list(scopes)
        self._holds = list(holds)
        self._ended = [(id, settled, True) for id, settled in ended.young.items()]
        self._ended += [(id, settled, False) for id, settled in ended.old.items()]
        self._aside_scopes: list[ScopeEntry] = []
        self._aside_holds: list[HoldEntry] = []
        self.number = number

    def keep_scope(self, scope: ScopeState) -> None:
        """Put a scope aside that is about to change."""
        scope.kept = self.number
        self._aside_scopes.append(scope_entry(scope, self._moment))

    def keep_hold(self, hold: Hold) -> None:
        """Put a hold aside that is about to change."""
        hold.kept = self.number
        self._aside_holds.append(hold_entry(hold))

    def pieces(self) -> Iterator[Piece]:
        """Return the pieces: scopes, then holds, then requests that are over."""
        batch: list[ScopeEntry] = []
        size = 0
        for scope in self._each_scope():
            batch.append(scope)
            size += _size_of(scope)
            if size >= PIECE:
                yield msgspec.structs.replace(self._head, scopes=tuple(batch))
                batch, size = [], 0
        yield msgspec.structs.replace(self._head, scopes=tuple(batch))
        held: list[HoldEntry] = []
        size = 0
        for hold in self._each_hold():
            held.append(hold)
            size += PER_ENTRY + sum(map(len, hold.scopes))
            if size >= PIECE:
                yield msgspec.structs.replace(self._head, holds=tuple(held))
                held, size = [], 0
        yield msgspec.structs.replace(self._head, holds=tuple(held))
        for start in range(0, len(self._ended), IDS):
            yield msgspec.structs.replace(self._head, ended=tuple(self._ended[start : start + IDS]))

    def _each_scope(self) -> Iterator[ScopeEntry]:
        while self._scopes:
            scope = self._scopes.pop()
            if scope.kept < self.number:
                scope.kept = self.number
                yield scope_entry(scope, self._moment)
        while self._aside_scopes:
            yield self._aside_scopes.pop()

    def _each_hold(self) -> Iterator[HoldEntry]:
        while self._holds:
            hold = self._holds.pop()
            if hold.kept < self.number:
                hold.kept = self.number
                yield hold_entry(hold)
        while self._aside_holds:
            yield self._aside_holds.pop()


def _size_of(scope: ScopeEntry) -> int:
    return PER_ENTRY + len(scope.text) + PER_BUCKET * (len(scope.requests or ()) + len(scope.tokens or ()))
