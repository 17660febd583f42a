"""The limiter: questions in, verdicts and a record of what changed out. It knows no clock, no bus and no store."""

from collections.abc import Iterable, Iterator, Sequence

from services.auth.domain.limiter import judging
from services.auth.domain.limiter.capacity import Capacity
from services.auth.domain.limiter.deciding import Decider
from services.auth.domain.limiter.draft import Draft
from services.auth.domain.limiter.guarding import Guard
from services.auth.domain.limiter.pieces import Piece
from services.auth.domain.limiter.purse import AGAIN, FIRST_AGAIN, SOON, Purse
from services.auth.domain.limiter.readings import Reading
from services.auth.domain.limiter.records import Charged, Freed, Loaded, Record, TurnResult
from services.auth.domain.limiter.state import State
from services.auth.domain.limiter.sweeping import Sweeper
from services.auth.domain.limiter.waiting import WOKEN_BY_READING
from services.auth.domain.limiter.windows import MINUTE, Moment, WindowKind
from shared.schemas.limits import Ask, Released, Settled

MOST_SCOPES = 500_000
"""Scopes in the tables; past it, requests in further ones are told that it is full."""

MOST_HOLDS = 500_000
"""Requests in flight."""

AT_ONCE = 1_000
"""Requests and scopes that one tick cleans up."""

LINES_AT_ONCE = 500
"""Scopes in which requests wait that one tick looks at."""


class Limiter:
    """Decides for everybody. One is active; stand-bys `apply` its records and are equal to it at any time.

    Those who wait, and readings of the ledger under way, are not replicated: whoever waits asks again.
    """

    def __init__(
        self, window: WindowKind = "sliding", seconds: float = MINUTE, *, most_scopes: int = MOST_SCOPES
    ) -> None:
        self._state = State(window, seconds)
        self._capacity = Capacity(self._state, most_scopes, MOST_HOLDS)
        self._decider = Decider(self._state, self._capacity)
        self._sweeper = Sweeper(self._state, self._capacity)

    def turn(
        self, asks: Sequence[Ask], settled: Iterable[Settled], released: Iterable[Released], now: float
    ) -> TurnResult:
        """Take in what came at one moment, and answer the questions that can be answered."""
        moment, draft = self._begin(now)
        state = self._state
        for item in settled:
            charged = Charged(item.id, item.tokens, item.cost, item.at or moment.now, item.estimated)
            if state.settle(charged, moment):
                draft.settled.append(charged)
        for over in released:
            self._decider.waiting.leave(over.id)
            freed = Freed(over.id, over.sent)
            if state.release(freed, moment):
                draft.released.append(freed)
        self._decider.go_on(draft)
        for ask in asks:
            self._decider.ask(ask, draft)
        return self._result(draft)

    def load(self, scope: str, since: float, spent: int, now: float) -> TurnResult:
        """Take in what the ledger says that a scope spent since a time; ignored unless it is still waited for.

        The ledger must hold every completion that was stored before the reading was asked for.
        """
        moment, draft = self._begin(now)
        reading = self._decider.readings.end(scope, since)
        if reading is None:
            return self._result(draft)
        known = self._state.scopes.get(scope, judging.BLANK).purse
        fits = self._capacity.takes((scope,), reading.tenant)
        if fits and (known is None or not known.read or not 0 < reading.until <= known.since):
            loaded = _loaded(scope, reading, spent, known, moment.now)
            self._state.load(loaded)
            draft.loaded.append(loaded)
        self._decider.waiting.read(scope)
        self._decider.go_on(draft, most=WOKEN_BY_READING)
        return self._result(draft)

    def lost(self, owner: str, now: float) -> TurnResult:
        """Give back the slots of an owner that died. Its money stays held until it is settled or dropped."""
        _, draft = self._begin(now)
        self._decider.waiting.leave_all(owner)
        if self._state.lose(owner):
            draft.lost.append(owner)
        self._decider.go_on(draft)
        return self._result(draft)

    def tick(self, now: float) -> TurnResult:
        """Do what time alone does; to be called several times a second."""
        moment, draft = self._begin(now)
        late, unsettled = self._sweeper.overdue(AT_ONCE)
        for freed in late:
            self._state.release(freed, moment)
        for id in unsettled:
            self._state.drop(id)
        draft.released += late
        draft.dropped += unsettled
        over = self._decider.waiting.over(moment.now)
        draft.needed += self._decider.readings.repeated(moment.now)
        for scope in self._decider.readings.stale(moment.now):
            if not self._decider.waiting.awaits_ledger(scope):
                self._decider.readings.forget(scope)
        draft.forgotten += self._sweeper.idle(self._decider.readings, AT_ONCE)
        self._state.forget(draft.forgotten)
        for waiter in over:
            self._decider.give_up(waiter, draft)
        self._decider.go_on(draft, self._decider.waiting.some(LINES_AT_ONCE))
        return self._result(draft)

    def apply(self, record: Record) -> None:
        """Do what the active limiter did."""
        self._state.apply(record)

    def snapshot(self) -> Iterator[Piece]:
        """Return everything that is replicated, as it is now, in pieces of less than 256 KB.

        They may be drawn one by one while the limiter goes on: what changes meanwhile is not in them, and follows
        from the records since. One snapshot at a time.
        """
        return self._state.snapshot()

    def restore(self, pieces: Iterable[Piece]) -> None:
        """Fill a new limiter from a snapshot; the records since are applied next."""
        self._state.restore(pieces)

    def guard(self, guard: Guard) -> None:
        """Have every step of deciding a question taken by a guard."""
        self._decider.guard = guard

    @property
    def intact(self) -> bool:
        """False while, or after, a question changes the tables: one that fails before has changed nothing."""
        return not self._state.changing

    @property
    def owners(self) -> tuple[str, ...]:
        """Those who hold something; whoever watches them says which are lost."""
        return tuple(self._state.owners)

    def sizes(self) -> dict[str, int]:
        """Return how much is in each table, by its name."""
        state = self._state
        return {
            "scopes": len(state.scopes),
            "holds": len(state.holds),
            "ended": len(state.ended),
            "waiting": len(self._decider.waiting),
            "readings": len(self._decider.readings),
            "refused": len(self._decider.refused),
        }

    def _result(self, draft: Draft) -> TurnResult:
        if self._state.reached:
            self._decider.tell(draft)
        return draft.result()

    def _begin(self, now: float) -> tuple[Moment, Draft]:
        state = self._state
        behind = state.is_behind(now)
        if behind:
            state.turn_back(now)
        moment = state.advance(now)
        return moment, Draft(moment, turned_back=behind)


def _loaded(scope: str, reading: Reading, spent: int, known: Purse | None, now: float) -> Loaded:
    """Return what a reading tells, and when the next one is due: soon, if completions settled meanwhile."""
    pending, pause = (known.pending, known.pause) if known is not None else (0, SOON)
    if pending:
        again, pause = now + pause, min(pause * 2, AGAIN)
    else:
        again, pause = now + (AGAIN if known is not None and known.read else FIRST_AGAIN), SOON
    return Loaded(scope, reading.since, reading.until, spent + pending, reading.asked, again, pause, reading.tenant)
