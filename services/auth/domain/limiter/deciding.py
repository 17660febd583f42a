"""How a question is decided: admitted, refused, or made to wait."""

from collections.abc import Iterable

from services.auth.domain.limiter import judging
from services.auth.domain.limiter.draft import Draft
from services.auth.domain.limiter.judging import LEDGER, Obstacle
from services.auth.domain.limiter.purse import UNREAD, Purse
from services.auth.domain.limiter.readings import MOST_ASIDE, Readings
from services.auth.domain.limiter.records import Admitted, Began
from services.auth.domain.limiter.refused import Refused
from services.auth.domain.limiter.state import ScopeState, State
from services.auth.domain.limiter.waiting import OVERTAKEN, Waiter, WaitingRoom
from shared.schemas.limits import Ask, Quota, Refusal, Verdict


class Decider:
    """Decides one question after the other on the tables, and notes it in a draft."""

    def __init__(self, state: State, most_scopes: int, most_holds: int) -> None:
        self._state = state
        self._most_scopes = most_scopes
        self._most_holds = most_holds
        self.waiting = WaitingRoom()
        self.readings = Readings()
        self.refused = Refused()

    def ask(self, ask: Ask, draft: Draft) -> None:
        """Decide a question that came. A repeated one changes nothing."""
        state, now = self._state, draft.moment.now
        if ask.id in state.holds or ask.id in state.ended:
            draft.verdicts.append(judging.answer(ask, state.scopes, draft.moment, state.grid))
        elif known := self.refused.get(ask.id, now):
            draft.verdicts.append(known)
        elif ask.id in self.waiting or (
            ask.deadline > now and not self.consider(ask, now + ask.wait, draft, self._line_before(ask))
        ):
            draft.waiting.append(ask.id)

    def consider(self, ask: Ask, patience: float, draft: Draft, line: str = "") -> bool:
        """Admit, refuse or let wait, up to the time `patience`; tell whether there is a verdict.

        `line` is the scope in which others come first.
        """
        found = self._obstacles(ask, draft)
        if found and (unread := next((quota.scope for quota, _, bits in found if bits & LEDGER), "")):
            if self.waiting.full:
                return self._turn_away(ask, draft)
            self.waiting.wait_for_ledger(Waiter(ask, patience), unread)
            return False
        if not found and not line:
            return self._admit(ask, draft)
        refusal = self._refusal(ask, found, line, draft)
        if patience > draft.moment.now and judging.passes(refusal) and not self.waiting.full:
            self._line_up(Waiter(ask, patience), refusal)
            return False
        return self._refuse(ask, refusal, draft)

    def serve(self, scopes: Iterable[str], draft: Draft) -> None:
        """Let those go on who wait in these scopes and whose turn has come."""
        for scope in list(scopes):
            queue = self.waiting.queues.get(scope)
            while queue and (waiter := queue.head()):
                found = self._obstacles(waiter.ask, draft)
                if any(quota.scope == scope and not bits & LEDGER for quota, _, bits in found):
                    break
                queue.next()
                self.waiting.leave(waiter.ask.id)
                self.consider(waiter.ask, waiter.patience, draft)
            if queue and not queue.tenants:
                del self.waiting.queues[scope]
                self._state.scope_awaited(scope, awaited=False)
        self._state.freed.clear()

    def give_up(self, waiter: Waiter, draft: Draft) -> None:
        """Refuse a request whose patience is at its end; one whose deadline has passed is owed no answer."""
        if waiter.ask.deadline > draft.moment.now:
            self.consider(waiter.ask, 0.0, draft, self._line_before(waiter.ask))

    def _obstacles(self, ask: Ask, draft: Draft) -> list[Obstacle]:
        scopes, moment, tokens = self._state.scopes, draft.moment, ask.tokens
        found: list[Obstacle] = []
        for quota in ask.quotas:
            state = scopes.get(quota.scope, judging.BLANK)
            bits = judging.in_the_way(quota, state, tokens, moment)
            if bits:
                found.append((quota, state, bits))
            if (quota.budget is not None or quota.soft is not None) and self._to_read(quota, state.purse, moment.now):
                self._read(quota, state, draft)
        return found

    def _to_read(self, quota: Quota, purse: Purse | None, now: float) -> bool:
        if purse is not None and purse.read:
            if purse.since == quota.since:
                return purse.due(now, self._state.stray) and len(self.readings) < MOST_ASIDE
            if purse.spent_in(quota.since, quota.until) != UNREAD:
                return False
        return quota.budget is not None or len(self.readings) < MOST_ASIDE

    def _read(self, quota: Quota, state: ScopeState, draft: Draft) -> None:
        needed = self.readings.begin(quota.scope, quota.since, quota.until, draft.moment.now)
        if needed:
            draft.needed.append(needed)
            if state.purse is not None:
                state.purse.pending = 0

    def _line_before(self, ask: Ask) -> str:
        """Return the scope in which this request must wait behind others, or none."""
        if not self.waiting.queues:
            return ""
        passed = []
        for quota in ask.quotas:
            queue = self.waiting.queues.get(quota.scope)
            if queue and judging.counts(quota, queue.measure) and queue.head():
                if ask.wait or queue.overtaken >= OVERTAKEN:
                    return quota.scope
                passed.append(queue)
        for queue in passed:
            queue.overtaken += 1
        return ""

    def _refusal(self, ask: Ask, found: list[Obstacle], line: str, draft: Draft) -> Refusal:
        moment, grid = draft.moment, self._state.grid
        if found:
            return judging.longest(found, ask.tokens, moment, grid)
        quota = next(quota for quota in ask.quotas if quota.scope == line)
        state = self._state.scopes.get(line, judging.BLANK)
        return judging.kept(quota, state, self.waiting.queues[line].measure, ask.tokens, moment, grid)

    def _line_up(self, waiter: Waiter, refusal: Refusal) -> None:
        self.waiting.line_up(waiter, refusal.scope, refusal.measure)
        self._state.scope_awaited(refusal.scope, awaited=True)

    def _refuse(self, ask: Ask, refusal: Refusal, draft: Draft) -> bool:
        verdict = judging.answer(ask, self._state.scopes, draft.moment, self._state.grid, refusal)
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
        for quota in ask.quotas:
            bits = judging.counted_by(quota)
            if bits:
                scopes.append(quota.scope)
                counted.append(bits)
        if len(known) + len(scopes) > self._most_scopes and not all(scope in known for scope in scopes):
            return self._turn_away(ask, draft)
        if len(state.holds) >= self._most_holds:
            return self._turn_away(ask, draft)
        for quota in ask.quotas:
            if quota.budget is not None or quota.soft is not None:
                self._begin_period(quota, draft)
        admitted = Admitted(
            ask.id, ask.owner, ask.deadline, ask.tokens, ask.cost, tuple(scopes), tuple(counted)
        )  # fmt: skip
        state.admit(admitted, draft.moment)
        draft.admitted.append(admitted)
        draft.verdicts.append(judging.answer(ask, known, draft.moment, state.grid))
        return True

    def _begin_period(self, quota: Quota, draft: Draft) -> None:
        state = self._state.scopes.get(quota.scope)
        if state and (purse := state.purse) and purse.read and purse.begins(quota.since, quota.until):
            began = Began(quota.scope, quota.since, quota.until)
            self._state.begin(began)
            draft.began.append(began)
