"""The limiter's tables, and everything that changes them: the same steps, live and replayed."""

from collections.abc import Iterable, Iterator

from services.auth.domain.limiter.ended import Ended
from services.auth.domain.limiter.pieces import HoldEntry, Piece, moved_to, restored_hold, restored_scope
from services.auth.domain.limiter.records import Admitted, Began, Charged, Freed, Loaded, Record
from services.auth.domain.limiter.snapshots import Snapshot
from services.auth.domain.limiter.tables import (
    BUDGET,
    PARALLEL,
    REQUESTS,
    TOKENS,
    Hold,
    ScopeState,
)
from services.auth.domain.limiter.windows import MINUTE, Grid, Moment, WindowKind

LONGEST_BACK = 60.0
"""Seconds that a clock may run behind the last one and time stands still instead; then windows begin anew."""

WEIGHT = 0.1
"""Of the last request in the mean duration of a scope's requests."""


class State:
    """Scopes, holds and the requests that are over. Every method is deterministic."""

    def __init__(self, window: WindowKind, seconds: float = MINUTE) -> None:
        self.grid = Grid(window, seconds)
        self.now = 0.0
        self.changing = False
        """True while a request is counted in; it stays true where that fails."""
        self.scopes: dict[str, ScopeState] = {}
        self.brought: dict[str, int] = {}
        """How many of them the requests of each tenant have brought in."""
        self.holds: dict[str, Hold] = {}
        self.ended = Ended()
        self.owners: dict[str, int] = {}
        """How many requests each has that are not over."""
        self.stray = 0.0
        """When a settlement last came for a request that is not known: budgets read before lack it."""
        self.freed: dict[str, None] = {}
        """Awaited scopes in which something became free; whoever looks at those who wait clears it."""
        self.reached: list[ScopeState] = []
        """Scopes whose soft budget may be spent as of now; whoever tells of them clears it."""
        self._snapshot: Snapshot | None = None
        self._snapshots = 0
        self._keep = 0
        """The number of the snapshot that is being taken; rows that it lacks are put aside before they change."""

    def is_behind(self, now: float) -> bool:
        """Tell whether a clock is so far behind that time must be turned back."""
        return now < self.now - LONGEST_BACK

    def turn_back(self, now: float) -> None:
        """Believe a clock that is far behind: what was counted per minute is void, since nobody knows when it was."""
        self.now = now
        for state in self.scopes.values():
            self._touch(state)
            state.requests = state.tokens = None

    def advance(self, now: float) -> Moment:
        """Let time pass; for a clock that is a little behind it stands still."""
        self.now = max(self.now, now)
        return self.grid.moment(self.now)

    def snapshot(self) -> Iterator[Piece]:
        """Return the tables as they are now, in pieces that may be drawn later; one snapshot at a time."""
        if self._snapshot is not None:
            raise RuntimeError("a snapshot is being taken")
        self._snapshots += 1
        head = Piece(self.grid.kind, self.now, self.stray, self.ended.began, seconds=self.grid.seconds)
        snapshot = Snapshot(head, self.scopes.values(), self.holds.values(), self.ended, self._snapshots)
        self._snapshot, self._keep = snapshot, self._snapshots
        return self._pieces(snapshot)

    def restore(self, pieces: Iterable[Piece]) -> None:
        """Fill empty tables from a snapshot."""
        for piece in pieces:
            self.now, self.stray, self.ended.began = piece.now, piece.stray, piece.ended_began
            moved = moved_to(self.grid, piece)
            for scope in piece.scopes:
                self.scopes[scope.text] = restored_scope(scope, moved)
                self._count_brought(scope.tenant, 1)
            for entry in piece.holds:
                self._restore_hold(entry, moved(entry.bucket, 0.0).bucket)
            self.ended.restore(piece.ended)

    def apply(self, record: Record) -> None:
        """Do what another limiter did, in the order in which every call of a limiter does it."""
        if record.turned_back:
            self.turn_back(record.at)
        moment = self.advance(record.at)
        for owner in record.lost:
            self.lose(owner)
        for charged in record.settled:
            self.settle(charged, moment)
        for freed in record.released:
            self.release(freed, moment)
        for id in record.dropped:
            self.drop(id)
        for loaded in record.loaded:
            self.load(loaded)
        self.forget(record.forgotten)
        for began in record.began:
            self.begin(began)
        for admitted in record.admitted:
            self.admit(admitted, moment)

    def scope(self, text: str, tenant: str = "") -> ScopeState:
        """Return a scope's state, made for a tenant if there is none."""
        state = self.scopes.get(text)
        if state is None:
            state = self.scopes[text] = ScopeState(text, self._snapshots, tenant=tenant)
            self._count_brought(tenant, 1)
        return state

    def scope_awaited(self, text: str, *, awaited: bool) -> None:
        """Note that a request waits for room in a scope, or that none does any more."""
        if state := self.scopes.get(text):
            state.awaited = awaited

    def admit(self, admitted: Admitted, moment: Moment) -> None:
        """Count a request in all of its scopes."""
        self.changing = True
        states = []
        now = moment.now
        for text, counted in zip(admitted.scopes, admitted.counted, strict=True):
            state = self.scopes.get(text) or self.scope(text, admitted.tenant)
            if state.kept < self._keep:
                self._touch(state)
            states.append(state)
            state.used = now
            state.holds += 1
            if counted & REQUESTS:
                (state.requests or state.new_requests()).add(moment, 1)
            if counted & TOKENS:
                (state.tokens or state.new_tokens()).add(moment, admitted.tokens)
            if counted & PARALLEL:
                state.slots += 1
            if counted & BUDGET:
                (state.purse or state.new_purse()).held += admitted.cost
        self.holds[admitted.id] = Hold(admitted, tuple(states), now, moment.bucket, self._snapshots)
        self.owners[admitted.owner] = self.owners.get(admitted.owner, 0) + 1
        self.changing = False

    def settle(self, charged: Charged, moment: Moment) -> bool:
        """Replace a request's hold and estimate by what it used; tell whether that was news."""
        hold = self.holds.get(charged.id)
        if hold is None:
            return self._note_stray(charged)
        if hold.settled:
            return self._make_real(hold, charged)
        if self._snapshot is not None:
            self._touch_hold(hold)
        hold.settled, hold.estimated = True, charged.estimated
        admitted, over = hold.admitted, hold.released
        tokens, cost = charged.tokens, charged.cost
        if charged.estimated:
            # Nobody knows what the provider sold to a worker that died: no less than the hold counts for it.
            tokens, cost = max(tokens, admitted.tokens), max(cost, admitted.cost)
        difference = tokens - admitted.tokens
        for state, counted in zip(hold.states, admitted.counted, strict=True):
            if counted & BUDGET and (purse := state.purse):
                purse.held -= admitted.cost
                purse.charge(cost, charged.at)
                if purse.spent >= purse.soft:
                    self.reached.append(state)
            if counted & TOKENS and (window := state.tokens):
                window.correct(hold.bucket, difference, moment.first)
            state.used = moment.now
            state.holds -= over
            if state.awaited:
                self.freed[state.text] = None
        if over:
            self._forget_hold(charged.id, settled=not charged.estimated)
        return True

    def release(self, freed: Freed, moment: Moment) -> bool:
        """Free a request's slots, and its hold if no provider was called; tell whether that was news."""
        hold = self.holds.get(freed.id)
        if hold is None:
            if freed.id in self.ended:
                return False
            self.ended.add(freed.id, False, self.now)
            return True
        if hold.released:
            return False
        if self._snapshot is not None:
            self._touch_hold(hold)
        self._free_slots(hold, moment.now - hold.at)
        if hold.settled:
            self._forget_hold(freed.id, settled=not hold.estimated)
        elif not freed.sent:
            self._let_go(hold)
            for state, counted in zip(hold.states, hold.admitted.counted, strict=True):
                if counted & TOKENS and (window := state.tokens):
                    window.correct(hold.bucket, -hold.admitted.tokens, moment.first)
            self._forget_hold(freed.id, settled=False)
        return True

    def lose(self, owner: str) -> bool:
        """Free the slots of an owner that died; its money stays held until it is settled or dropped."""
        if owner not in self.owners:
            return False
        for hold in [hold for hold in self.holds.values() if hold.admitted.owner == owner and not hold.released]:
            self._touch_hold(hold)
            self._free_slots(hold, 0.0)
            if hold.settled:
                self._forget_hold(hold.admitted.id, settled=not hold.estimated)
        return True

    def drop(self, id: str) -> None:
        """Give up on a request's settlement: its budgets are read from the ledger again."""
        hold = self.holds[id]
        self._touch_hold(hold)
        self._let_go(hold)
        for state in hold.states:
            if state.purse is not None:
                state.purse.again = min(state.purse.again, self.now)
        del self.holds[id]

    def load(self, loaded: Loaded) -> None:
        """Take over what the ledger says that a scope spent in a period."""
        state = self.scope(loaded.scope, loaded.tenant)
        self._touch(state)
        purse = state.purse or state.new_purse()
        purse.since, purse.until, purse.spent = loaded.since, loaded.until, loaded.spent
        purse.asked, purse.read = loaded.asked, self.now
        purse.again, purse.pause = loaded.again, loaded.pause
        if purse.spent >= purse.soft:
            self.reached.append(state)
        state.used = self.now
        if state.awaited:
            self.freed[state.text] = None

    def begin(self, began: Began) -> None:
        """Let a budget's period begin."""
        state = self.scope(began.scope)
        self._touch(state)
        purse = state.purse
        if purse is None:
            raise RuntimeError("a period begins only in a budget that is known")
        purse.begin(began.since, began.until)

    def forget(self, scopes: Iterable[str]) -> None:
        """Forget scopes in which nothing counts any more; a budget is read from the ledger when it is asked again."""
        for text in scopes:
            state = self.scopes.pop(text)
            self._touch(state)
            self._count_brought(state.tenant, -1)

    def _count_brought(self, tenant: str, more: int) -> None:
        if tenant:
            number = self.brought.get(tenant, 0) + more
            if number:
                self.brought[tenant] = number
            else:
                del self.brought[tenant]

    def _pieces(self, snapshot: Snapshot) -> Iterator[Piece]:
        try:
            yield from snapshot.pieces()
        finally:
            self._snapshot, self._keep = None, 0

    def _touch(self, state: ScopeState) -> None:
        if state.kept < self._keep and self._snapshot is not None:
            self._snapshot.keep_scope(state)

    def _touch_hold(self, hold: Hold) -> None:
        if self._snapshot is not None:
            if hold.kept < self._keep:
                self._snapshot.keep_hold(hold)
            for state in hold.states:
                self._touch(state)

    def _restore_hold(self, entry: HoldEntry, bucket: int) -> None:
        self.holds[entry.id] = restored_hold(entry, tuple([self.scope(text) for text in entry.scopes]), bucket)
        if not entry.released:
            self.owners[entry.owner] = self.owners.get(entry.owner, 0) + 1

    def _note_stray(self, charged: Charged) -> bool:
        """Note the use of a request that is not known, or by estimate only: the ledger has it, the tables do not."""
        id = charged.id
        if self.ended.settled(id) or (charged.estimated and id in self.ended):
            return False
        self.ended.add(id, not charged.estimated, self.now)
        self.stray = self.now
        return True

    def _make_real(self, hold: Hold, charged: Charged) -> bool:
        """Let an estimate give way; what its budgets hold without it is read from the ledger."""
        if charged.estimated or not hold.estimated:
            return False
        self._touch_hold(hold)
        hold.estimated = False
        for state in hold.states:
            if state.purse is not None:
                state.purse.again = min(state.purse.again, self.now)
        return True

    def _free_slots(self, hold: Hold, duration: float) -> None:
        """Let a request be over; what it holds of money stays, unless it is settled."""
        hold.released = True
        admitted, settled = hold.admitted, hold.settled
        for state, counted in zip(hold.states, admitted.counted, strict=True):
            if counted & PARALLEL:
                state.slots -= 1
            if duration:
                state.pace += (duration - state.pace) * WEIGHT if state.pace else duration
            state.holds -= settled
            if state.awaited:
                self.freed[state.text] = None
        left = self.owners[admitted.owner] - 1
        if left:
            self.owners[admitted.owner] = left
        else:
            del self.owners[admitted.owner]

    def _let_go(self, hold: Hold) -> None:
        """Give the money of a request back that is over."""
        for state, counted in zip(hold.states, hold.admitted.counted, strict=True):
            state.holds -= 1
            if counted & BUDGET and (purse := state.purse):
                purse.held -= hold.admitted.cost
            if state.awaited:
                self.freed[state.text] = None

    def _forget_hold(self, id: str, *, settled: bool) -> None:
        del self.holds[id]
        self.ended.add(id, settled, self.now)
