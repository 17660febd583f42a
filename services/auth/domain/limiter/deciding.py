"""How a question is decided: admitted, refused, or made to wait."""

from collections.abc import Iterable

from services.auth.domain.limiter import judging
from services.auth.domain.limiter.capacity import Capacity
from services.auth.domain.limiter.draft import Draft
from services.auth.domain.limiter.guarding import Guard, Step, unguarded
from services.auth.domain.limiter.judging import LEDGER, Obstacle
from services.auth.domain.limiter.purse import UNREAD, Purse
from services.auth.domain.limiter.readings import MOST_ASIDE, Readings
from services.auth.domain.limiter.records import Admitted, Began, SoftReached
from services.auth.domain.limiter.refused import Refused
from services.auth.domain.limiter.state import State
from services.auth.domain.limiter.tables import BUDGET, ScopeState
from services.auth.domain.limiter.waiting import OVERTAKEN, WOKEN, Waiter, WaitingRoom
from shared.schemas.limits import Ask, Quota, Refusal, Verdict


class Decider:
    """Decides one question after the other on the tables, and notes it in a draft."""

    def __init__(self, state: State, capacity: Capacity) -> None:
        self._state = state
        self._capacity = capacity
        self.guard: Guard = unguarded
        self.waiting = WaitingRoom()
        self.readings = Readings()
        self.refused = Refused()

    def ask(self, ask: Ask, draft: Draft) -> None:
        """Decide a question that came. A repeated one changes nothing."""
        self._guarded(self._ask, ask, 0.0, draft)

    def _guarded(self, step: Step, ask: Ask, patience: float, draft: Draft, line: str = "") -> bool:
        """Take a step; a question with which it fails is answered so, and nobody else's is touched."""
        done = self.guard(step, ask, patience, draft, line)
        if done is None:
            draft.verdicts.append(Verdict.of_fault(ask.id))
            return True
        return done

    def _ask(self, ask: Ask, _: float, draft: Draft, line: str) -> bool:
        state, now = self._state, draft.moment.now
        if ask.id in state.holds or ask.id in state.ended:
            draft.verdicts.append(judging.again(ask, state.scopes, draft.moment))
        elif known := self.refused.get(ask.id, now):
            draft.verdicts.append(known)
        elif ask.id in self.waiting or (
            ask.deadline > now and not self._consider(ask, now + ask.wait, draft, line or self._line_before(ask))
        ):
            draft.waiting.append(ask.id)
        return True

    def _consider(self, ask: Ask, patience: float, draft: Draft, line: str) -> bool:
        """Admit, refuse or let wait, up to the time `patience`; tell whether there is a verdict.

        `line` is the scope in which others come first.
        """
        found = self._obstacles(ask, draft)
        if found and (unread := next((quota.scope for quota, _, bits in found if bits & LEDGER), "")):
            if not self.waiting.has_room_to_read_for(ask.tenant) or not self._fits(ask):
                return self._turn_away(ask, draft)
            self.waiting.wait_for_ledger(Waiter(ask, patience), unread)
            return False
        if not found and not line:
            return self._admit(ask, draft)
        refusal = self._refusal(ask, found, line, draft)
        if patience > draft.moment.now and judging.passes(refusal) and self.waiting.has_room_for(ask.tenant):
            self._line_up(Waiter(ask, patience), refusal)
            return False
        return self._refuse(ask, refusal, draft)

    def go_on(self, draft: Draft, scopes: Iterable[str] = (), most: int = WOKEN) -> None:
        """Let those go on whose budget was read, and those in line whose turn has come: in scopes where something
        became free, and in the given ones.
        """
        ready = self.waiting.ready
        while ready and most:
            waiter = ready.popleft()
            if not waiter.gone:
                most -= 1
                self.waiting.leave(waiter.ask.id)
                self._guarded(self._consider, waiter.ask, waiter.patience, draft)
        freed = self._state.freed
        for scope in [*freed, *scopes] if self.waiting.queues else ():
            most -= self._serve(scope, most, draft)
            if not most:
                return
            freed.pop(scope, None)

    def _serve(self, scope: str, most: int, draft: Draft) -> int:
        """Let at most so many of a line go on, and tell how many did."""
        queue = self.waiting.queues.get(scope)
        if queue is None:
            return 0
        count = 0
        while count < most and (waiter := queue.head()):
            if self.guard(self._still_waits, waiter.ask, 0.0, draft, scope):
                return count
            queue.next()
            self.waiting.leave(waiter.ask.id)
            self._guarded(self._consider, waiter.ask, waiter.patience, draft)
            count += 1
        if not queue.head():
            del self.waiting.queues[scope]
            self._state.scope_awaited(scope, awaited=False)
        return count

    def give_up(self, waiter: Waiter, draft: Draft) -> None:
        """Refuse a request whose patience is at its end; one whose deadline has passed is owed no answer."""
        if waiter.ask.deadline > draft.moment.now:
            self._guarded(self._consider, waiter.ask, 0.0, draft, self._line_before(waiter.ask))

    def _obstacles(self, ask: Ask, draft: Draft) -> list[Obstacle]:
        scopes, moment, tokens = self._state.scopes, draft.moment, ask.tokens
        found: list[Obstacle] = []
        for quota in ask.quotas:
            state = scopes.get(quota.scope, judging.BLANK)
            bits = judging.in_the_way(quota, state, tokens, moment)
            if bits:
                found.append((quota, state, bits))
            if quota.budget is not None or quota.soft is not None:
                self._keep_read(quota, state, ask.tenant, draft)
        return found

    def _fits(self, ask: Ask) -> bool:
        return self._capacity.admits((quota.scope for quota in ask.quotas if judging.counted_by(quota)), ask.tenant)

    def _still_waits(self, ask: Ask, _: float, draft: Draft, scope: str) -> bool:
        found = self._obstacles(ask, draft)
        here = any(quota.scope == scope and not bits & LEDGER for quota, _, bits in found)
        return here and judging.passes(judging.longest(found, ask.tokens, draft.moment))

    def _keep_read(self, quota: Quota, state: ScopeState, tenant: str, draft: Draft) -> None:
        """Have a budget read that is not known, or was read long ago."""
        purse, now = state.purse, draft.moment.now
        if purse is not None and purse.read:
            if purse.since == quota.since:
                if not purse.due(now, self._state.stray) or len(self.readings) >= MOST_ASIDE:
                    return
            elif purse.spent_in(quota.since, quota.until) != UNREAD:
                return
        if quota.budget is None and len(self.readings) >= MOST_ASIDE:
            return
        if state is judging.BLANK and not self._capacity.takes((quota.scope,), tenant):
            return
        needed = self.readings.begin(quota.scope, quota.since, quota.until, now, tenant)
        if needed:
            draft.needed.append(needed)
            if purse is not None:
                purse.pending = 0

    def _line_before(self, ask: Ask) -> str:
        """Return the scope in which this request must wait behind others, or none."""
        if not self.waiting.queues:
            return ""
        for quota in ask.quotas:
            queue = self.waiting.queues.get(quota.scope)
            if queue is None or not (ask.wait or queue.overtaken >= OVERTAKEN):
                continue
            if queue.head() and judging.counts(quota, queue.measure):
                return quota.scope
        return ""

    def _refusal(self, ask: Ask, found: list[Obstacle], line: str, draft: Draft) -> Refusal:
        moment = draft.moment
        if found:
            return judging.longest(found, ask.tokens, moment)
        quota = next(quota for quota in ask.quotas if quota.scope == line)
        state = self._state.scopes.get(line, judging.BLANK)
        return judging.kept(quota, state, self.waiting.queues[line].measure, ask.tokens, moment)

    def _line_up(self, waiter: Waiter, refusal: Refusal) -> None:
        self.waiting.line_up(waiter, refusal.scope, refusal.measure)
        self._state.scope_awaited(refusal.scope, awaited=True)

    def _refuse(self, ask: Ask, refusal: Refusal, draft: Draft) -> bool:
        self._watch(ask)
        verdict = judging.answer(ask, self._state.scopes, draft.moment, refusal)
        self.refused.add(verdict, draft.moment.now)
        draft.verdicts.append(verdict)
        return True

    def _turn_away(self, ask: Ask, draft: Draft) -> bool:
        draft.verdicts.append(Verdict(ask.id, full=True))
        return True

    def _admit(self, ask: Ask, draft: Draft) -> bool:
        state = self._state
        scopes, counted = [], []
        known = state.scopes
        watched, tenant = False, ""
        for quota in ask.quotas:
            watched = watched or quota.soft is not None
            if not (bits := judging.counted_by(quota)):
                continue
            scopes.append(quota.scope)
            counted.append(bits)
            row = known.get(quota.scope)
            if row is None:
                tenant = ask.tenant
            elif bits & BUDGET and row.purse is not None:
                self._begin_period(quota, row.purse, draft)
        if not self._capacity.admits(scopes, ask.tenant):
            return self._turn_away(ask, draft)
        admitted = Admitted(
            ask.id, ask.owner, ask.deadline, ask.tokens, ask.cost, tuple(scopes), tuple(counted), tenant
        )  # fmt: skip
        state.admit(admitted, draft.moment)
        draft.admitted.append(admitted)
        if watched:
            self._watch(ask)
        if self.waiting.queues and not ask.wait:
            self._overtake(scopes)
        draft.verdicts.append(judging.answer(ask, known, draft.moment))
        return True

    def tell(self, draft: Draft) -> None:
        """Tell of the soft budgets that are spent as of now."""
        for state in self._state.reached:
            if (purse := state.purse) is not None and purse.reached:
                since, until, spent = purse.since, purse.until, purse.spent
                draft.reached.append(SoftReached(state.text, since, until, purse.tell(), spent, draft.moment.now))
        self._state.reached.clear()

    def _watch(self, ask: Ask) -> None:
        """Note the soft budgets that a question states, and those that are spent already."""
        for quota in ask.quotas:
            if quota.soft is None or (state := self._state.scopes.get(quota.scope)) is None:
                continue
            if (purse := state.purse) is not None and (purse.since == quota.since or not purse.read):
                purse.watch(quota.soft)
                if purse.reached:
                    self._state.reached.append(state)

    def _overtake(self, scopes: list[str]) -> None:
        for scope in scopes:
            if queue := self.waiting.queues.get(scope):
                queue.overtaken += 1

    def _begin_period(self, quota: Quota, purse: Purse, draft: Draft) -> None:
        if (quota.since != purse.since or quota.until != purse.until) and purse.begins(quota.since, quota.until):
            began = Began(quota.scope, quota.since, quota.until)
            self._state.begin(began)
            draft.began.append(began)
