"""The limiter's tables, and everything that changes them: the same steps, live and replayed."""

from collections.abc import Iterable
from typing import TypeVar

from services.auth.domain.limiter.ended import Ended
from services.auth.domain.limiter.purse import Purse
from services.auth.domain.limiter.records import Admitted, Began, Charged, Freed, Loaded, Record
from services.auth.domain.limiter.windows import Grid, Moment, Window

T = TypeVar("T")

REQUESTS, TOKENS, PARALLEL, BUDGET = 1, 2, 4, 8
"""What counts in a scope, as bits."""

GRACE = 30.0
"""Seconds after its deadline at which a request that nobody released is taken for over, and as long again until its
hold is dropped if nobody settled it: by then it is in the ledger, or never will be."""

SHELF = 8.0
"""Seconds of deadlines that are looked at together."""

LONGEST_BACK = 60.0
"""Seconds that a clock may run behind the last one and time stands still instead; then windows begin anew."""

WEIGHT = 0.1
"""Of the last request in the mean duration of a scope's requests."""


class ScopeState:
    """What is counted in one scope."""

    __slots__ = ("awaited", "holds", "pace", "purse", "requests", "slots", "text", "tokens", "used")

    def __init__(self, text: str) -> None:
        self.text = text
        self.requests: Window | None = None
        self.tokens: Window | None = None
        self.slots = 0
        self.purse: Purse | None = None
        self.holds = 0
        """Requests that count here and are not over."""
        self.pace = 0.0
        """Mean duration of requests here, in seconds; 0 as long as none is known."""
        self.used = 0.0
        """When something was last counted here."""
        self.awaited = False
        """True while a request waits for room here. Not replicated: those who wait ask again."""


class Hold:
    """What one request holds, until it is both settled and released."""

    __slots__ = (
        "at",
        "bucket",
        "cost",
        "counted",
        "deadline",
        "id",
        "owner",
        "released",
        "settled",
        "states",
        "tokens",
    )

    def __init__(self, admitted: Admitted, states: tuple[ScopeState, ...], at: float, bucket: int) -> None:
        self.id = admitted.id
        self.owner = admitted.owner
        self.deadline = admitted.deadline
        self.tokens = admitted.tokens
        self.cost = admitted.cost
        self.states = states
        self.counted = admitted.counted
        self.at = at
        self.bucket = bucket
        self.released = False
        self.settled = False

    @property
    def shelf(self) -> int:
        """Where it is looked at: when it should be released, and later, when it should be settled."""
        return int((self.deadline + (GRACE * 2 if self.released else GRACE)) // SHELF)


class State:
    """Scopes, holds and the requests that are over. Every method is deterministic."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.now = 0.0
        self.scopes: dict[str, ScopeState] = {}
        self.holds: dict[str, Hold] = {}
        self.ended = Ended()
        self.owners: dict[str, dict[str, None]] = {}
        self.shelves: dict[int, dict[str, None]] = {}
        self.stray = 0.0
        """When a settlement last came for a request that is not known: budgets read before lack it."""
        self.freed: dict[str, None] = {}
        """Awaited scopes in which something became free; whoever looks at those who wait clears it."""

    def advance(self, now: float) -> Moment:
        """Let time pass. A clock that is a little behind stands still; one that is far behind is believed."""
        if now >= self.now:
            self.now = now
        elif now < self.now - LONGEST_BACK:
            self.now = now
            for state in self.scopes.values():
                state.requests = state.tokens = None
        return self.grid.moment(self.now)

    def apply(self, record: Record) -> None:
        """Do what another limiter did, in the order in which every call of a limiter does it."""
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

    def scope(self, text: str) -> ScopeState:
        """Return a scope's state, made if there is none."""
        state = self.scopes.get(text)
        if state is None:
            state = self.scopes[text] = ScopeState(text)
        return state

    def scope_awaited(self, text: str, *, awaited: bool) -> None:
        """Note that a request waits for room in a scope, or that none does any more."""
        if state := self.scopes.get(text):
            state.awaited = awaited

    def admit(self, admitted: Admitted, moment: Moment) -> Hold:
        """Count a request in all of its scopes."""
        states = tuple([self.scope(text) for text in admitted.scopes])
        tokens, cost, bucket = admitted.tokens, admitted.cost, moment.bucket
        for state, counted in zip(states, admitted.counted, strict=True):
            state.used = moment.now
            state.holds += 1
            if counted & REQUESTS:
                window = state.requests
                if window is None:
                    window = state.requests = Window()
                window.used(moment.first)
                window.add(bucket, 1)
            if counted & TOKENS:
                window = state.tokens
                if window is None:
                    window = state.tokens = Window()
                window.used(moment.first)
                window.add(bucket, tokens)
            if counted & PARALLEL:
                state.slots += 1
            if counted & BUDGET:
                purse = state.purse
                if purse is None:
                    purse = state.purse = Purse()
                purse.held += cost
        hold = self.holds[admitted.id] = Hold(admitted, states, moment.now, bucket)
        self._file(hold)
        return hold

    def settle(self, charged: Charged, moment: Moment) -> bool:
        """Replace a request's hold and estimate by what it used; tell whether that was news."""
        hold = self.holds.get(charged.id)
        if hold is None:
            return self._note_stray(charged.id)
        if hold.settled:
            return False
        hold.settled = True
        self._correct(hold, charged.tokens, moment)
        for state, counted in zip(hold.states, hold.counted, strict=True):
            if counted & BUDGET and (purse := state.purse):
                purse.held -= hold.cost
                purse.charge(charged.cost, charged.at)
            state.used = moment.now
        if hold.released:
            _remove(self.shelves, hold.shelf, hold.id)
            self._end(hold, settled=True)
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
        self._free_slots(hold)
        duration = moment.now - hold.at
        for state in hold.states:
            state.pace += (duration - state.pace) * WEIGHT if state.pace else duration
        if hold.settled:
            self._end(hold, settled=True)
        elif freed.sent:
            self._orphan(hold)
        else:
            self._correct(hold, 0, moment)
            self._return_money(hold)
            self._end(hold, settled=False)
        return True

    def lose(self, owner: str) -> bool:
        """Free the slots of an owner that died; its money stays held until it is settled or dropped."""
        ids = list(self.owners.get(owner, ()))
        for hold in [self.holds[id] for id in ids]:
            self._free_slots(hold)
            if hold.settled:
                self._end(hold, settled=True)
            else:
                self._orphan(hold)
        return bool(ids)

    def drop(self, id: str) -> None:
        """Give up on a request's settlement: its budgets are read from the ledger again."""
        hold = self.holds[id]
        _remove(self.shelves, hold.shelf, id)
        self._return_money(hold)
        for state, counted in zip(hold.states, hold.counted, strict=True):
            if counted & BUDGET and (purse := state.purse):
                purse.again = min(purse.again, self.now)
        self._end(hold, settled=None)

    def load(self, loaded: Loaded) -> None:
        """Take over what the ledger says that a scope spent in a period."""
        state = self.scope(loaded.scope)
        purse = state.purse
        if purse is None:
            purse = state.purse = Purse()
        purse.since, purse.until, purse.spent = loaded.since, loaded.until, loaded.spent
        purse.asked, purse.read = loaded.asked, self.now
        purse.again, purse.pause = loaded.again, loaded.pause
        state.used = self.now
        if state.awaited:
            self.freed[state.text] = None

    def begin(self, began: Began) -> None:
        """Let a budget's period begin."""
        purse = self.scope(began.scope).purse
        if purse is None:
            raise RuntimeError("a period begins only in a budget that is known")
        purse.begin(began.since, began.until)

    def forget(self, scopes: Iterable[str]) -> None:
        """Forget scopes in which nothing counts any more; a budget is read from the ledger when it is asked again."""
        for text in scopes:
            del self.scopes[text]

    def overdue(self, most: int) -> tuple[list[Freed], list[str]]:
        """Return requests that nobody released in time, and those that nobody settled, at most so many of both."""
        late: list[Freed] = []
        lost: list[str] = []
        last = int(self.now // SHELF)
        for shelf in sorted(shelf for shelf in self.shelves if shelf < last):
            for id in self.shelves[shelf]:
                if len(late) + len(lost) >= most:
                    return late, lost
                if self.holds[id].released:
                    lost.append(id)
                else:
                    late.append(Freed(id, True))
        return late, lost

    def _note_stray(self, id: str) -> bool:
        if self.ended.settled(id):
            return False
        self.ended.add(id, True, self.now)
        self.stray = self.now
        return True

    def _correct(self, hold: Hold, tokens: int, moment: Moment) -> None:
        difference = tokens - hold.tokens
        for state, counted in zip(hold.states, hold.counted, strict=True):
            if counted & TOKENS and (window := state.tokens) and hold.bucket >= moment.first:
                window.used(moment.first)
                window.correct(hold.bucket, difference)
            if state.awaited:
                self.freed[state.text] = None

    def _free_slots(self, hold: Hold) -> None:
        _remove(self.owners, hold.owner, hold.id)
        _remove(self.shelves, hold.shelf, hold.id)
        hold.released = True
        for state, counted in zip(hold.states, hold.counted, strict=True):
            if counted & PARALLEL:
                state.slots -= 1
            if state.awaited:
                self.freed[state.text] = None

    def _return_money(self, hold: Hold) -> None:
        for state, counted in zip(hold.states, hold.counted, strict=True):
            if counted & BUDGET and (purse := state.purse):
                purse.held -= hold.cost

    def _orphan(self, hold: Hold) -> None:
        """Keep the hold of a request that is over as estimated spend."""
        self.shelves.setdefault(hold.shelf, {})[hold.id] = None

    def _end(self, hold: Hold, *, settled: bool | None) -> None:
        del self.holds[hold.id]
        for state in hold.states:
            state.holds -= 1
            if state.awaited:
                self.freed[state.text] = None
        if settled is not None:
            self.ended.add(hold.id, settled, self.now)

    def _file(self, hold: Hold) -> None:
        self.owners.setdefault(hold.owner, {})[hold.id] = None
        self.shelves.setdefault(hold.shelf, {})[hold.id] = None


def _remove(index: dict[T, dict[str, None]], place: T, id: str) -> None:
    ids = index[place]
    del ids[id]
    if not ids:
        del index[place]
