"""The limiter against a simple model of what must hold, over any course of events."""

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.auth.domain.limiter import Limiter, Piece
from shared.schemas.limits import Ask, Quota, Released, Settled
from tests.unit.auth.limiter.driven import START, Driven, decode, picture

QUOTAS = {
    "key": Quota("key", rpm=4, tpm=100, parallel=3),
    "user": Quota("user", tpm=150, budget=400),
    "team": Quota("team", rpm=9, budget=600, soft=300),
    "model": Quota("model", parallel=4),
    "customer": Quota("customer", budget=300),
}
SUBSETS = st.lists(st.sampled_from(sorted(QUOTAS)), min_size=1, unique=True)
COSTS = st.integers(0, 6).map(lambda hundreds: hundreds * 100)
PERIOD = 50.0
"""Seconds after which the customer's budget resets."""
encode_piece, decode_piece = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Piece).decode


@dataclass
class Request:
    """What the model knows of a request that was admitted."""

    ask: Ask
    at: float
    tokens: int
    real: int = 0
    heard: bool = False
    """True once the limiter knows its real use."""
    settled: int | None = None
    released: bool = False
    held: bool = True


@dataclass
class World:
    """Requests, and the ledger that billing writes at once."""

    requests: dict[str, Request] = field(default_factory=dict)
    ledger: list[tuple[str, float, int]] = field(default_factory=list)
    quotas: dict[str, Quota] = field(default_factory=lambda: dict(QUOTAS))
    mail: list[Settled] = field(default_factory=list)
    """Settlements that are on their way."""

    def spent(self, scope: str, since: float) -> int:
        """Return what the ledger says."""
        return sum(cost for name, at, cost in self.ledger if name == scope and at >= since)

    def quota(self, scope: str, now: float) -> Quota:
        """Return what holds now."""
        quota = self.quotas[scope]
        if scope != "customer":
            return quota
        since = now - (now - START) % PERIOD
        return msgspec.structs.replace(quota, since=since, until=since + PERIOD)

    def on_its_way(self, scope: str) -> int:
        """Return the cost of settlements that the limiter has not heard of."""
        late = {settled.id: settled.cost for settled in self.mail}
        return sum(late.get(request.ask.id, 0) for request in self.of(scope))

    def of(self, scope: str) -> list[Request]:
        """Return the requests that count in a scope."""
        return [item for item in self.requests.values() if any(quota.scope == scope for quota in item.ask.quotas)]


class LimiterMachine(RuleBasedStateMachine):
    """Admissions, ends of every kind, deaths, take-overs and time, in any order."""

    window = "sliding"

    @initialize()
    def begin(self) -> None:
        """Begin with nothing."""
        self.driven = Driven(self.window)
        self.world = World()
        self.asked: dict[str, Ask] = {}

    @rule(
        scopes=SUBSETS,
        tokens=st.integers(0, 160),
        cost=COSTS,
        owner=st.sampled_from(["e1", "e2"]),
        wait=st.sampled_from([0.0, 0.0, 5.0]),
        tenant=st.sampled_from(["a", "b"]),
        many=st.integers(1, 4),
        read=st.booleans(),
    )
    def ask(
        self, scopes: list[str], tokens: int, cost: int, owner: str, wait: float, tenant: str, many: int, read: bool
    ) -> None:
        """Some questions come in one turn, and the ledger may answer quickly."""
        quotas = [self.world.quota(scope, self.driven.now) for scope in scopes]
        asks = [
            self.driven.ask(*quotas, tokens=tokens, cost=cost, owner=owner, wait=wait, tenant=tenant, lasts=100)
            for _ in range(many)
        ]
        self.asked |= {ask.id: ask for ask in asks}
        self.turn(*asks)
        if read:
            self.read()

    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """A question is repeated: it gets the same verdict, and takes nothing."""
        if not self.asked:
            return
        ask = data.draw(st.sampled_from(list(self.asked.values())))
        before = self.driven.verdicts.get(ask.id)
        known = ask.id in self.world.requests
        self.turn(ask)
        after = self.driven.verdicts.get(ask.id)
        assert not known or (after is not None and after.refusal is None)
        assert before is None or after is None or not known or before.refusal == after.refusal

    @rule(data=st.data(), tokens=st.integers(0, 200), cost=COSTS, twice=st.booleans(), late=st.booleans())
    def settle(self, data: st.DataObject, tokens: int, cost: int, twice: bool, late: bool) -> None:
        """A completion event is stored, billing writes it, and the limiter hears of it, at once or later."""
        open_ones = [item for item in self.world.requests.values() if item.settled is None and item.held]
        if not open_ones:
            return
        request = data.draw(st.sampled_from(open_ones))
        request.settled, request.real = cost, tokens
        self.world.ledger += [(quota.scope, self.driven.now, cost) for quota in request.ask.quotas]
        self.world.mail += [Settled(request.ask.id, tokens, cost, self.driven.now)] * (1 + twice)
        if not late:
            self.deliver()

    @rule()
    def deliver(self) -> None:
        """What is on its way arrives."""
        mail, self.world.mail = self.world.mail, []
        for settled in mail:
            request = self.world.requests[settled.id]
            request.tokens, request.heard = settled.tokens, True
        self.turn(*mail)

    @rule(
        scope=st.sampled_from(["key", "team", "customer"]),
        rpm=st.integers(0, 9),
        tpm=st.integers(0, 200),
        parallel=st.integers(0, 5),
        budget=COSTS,
    )
    def update(self, scope: str, rpm: int, tpm: int, parallel: int, budget: int) -> None:
        """An operator changes limits, or takes some away."""
        quota = QUOTAS[scope]
        self.world.quotas[scope] = Quota(
            scope,
            rpm=quota.rpm and rpm,
            tpm=(quota.tpm and tpm) or None,
            parallel=quota.parallel and parallel,
            budget=quota.budget and budget,
        )

    @rule(data=st.data(), sent=st.booleans())
    def release(self, data: st.DataObject, sent: bool) -> None:
        """A request is over."""
        running = [item for item in self.world.requests.values() if not item.released]
        if not running:
            return
        request = data.draw(st.sampled_from(running))
        request.released = True
        sent = sent or request.settled is not None
        if not sent:
            request.held, request.tokens = False, 0
        self.turn(Released(request.ask.id, sent))

    @rule(owner=st.sampled_from(["e1", "e2"]))
    def lose(self, owner: str) -> None:
        """An edge dies."""
        for request in self.world.requests.values():
            request.released = request.released or request.ask.owner == owner
        self.note(self.driven.limiter.lost(owner, self.driven.now))

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 7.0, 20.0, 29.5, 61.0]))
    def wait(self, seconds: float) -> None:
        """Time passes; requests end before their leases do."""
        self.driven.sleep(seconds)
        for request in list(self.world.requests.values()):
            if not request.released and request.ask.deadline <= self.driven.now:
                request.released = True
                self.turn(Released(request.ask.id, True))
            if request.settled is None and request.held and request.ask.deadline <= self.driven.now:
                request.settled = 0
                self.world.mail.append(Settled(request.ask.id, 0, 0, self.driven.now))
        self.deliver()
        self.note(self.driven.limiter.tick(self.driven.now))

    @rule()
    def read(self) -> None:
        """The ledger answers."""
        needed, self.driven.needed = self.driven.needed, []
        for scope, since in needed:
            self.note(self.driven.limiter.load(scope, since, self.world.spent(scope, since), self.driven.now))

    @rule()
    def take_over(self) -> None:
        """The stand-by becomes active, and a new one begins from a snapshot."""
        self.driven.limiter = self.driven.standby
        self.driven.standby = Limiter(self.window)  # type: ignore[arg-type]
        pieces = [encode_piece(piece) for piece in self.driven.limiter.snapshot()]
        self.driven.standby.restore(decode_piece(piece) for piece in pieces)
        self.driven.needed = []

    @rule()
    @precondition(lambda self: len(self.driven.records) > 1)
    def replay(self) -> None:
        """A limiter that reads the whole journal is the same."""
        late = Limiter(self.window)  # type: ignore[arg-type]
        for record in self.driven.records:
            late.apply(decode(record))
        assert picture(late, self.driven.now) == picture(self.driven.standby, self.driven.now)

    @invariant()
    def the_stand_by_is_equal(self) -> None:
        """It knows all that counts."""
        if hasattr(self, "driven"):
            now = self.driven.now
            assert picture(self.driven.standby, now) == picture(self.driven.limiter, now)

    @invariant()
    def slots_are_those_of_running_requests(self) -> None:
        """And holds those of requests that are not settled: nothing leaks."""
        if not hasattr(self, "driven"):
            return
        for scope, quota in QUOTAS.items():
            running = [item for item in self.world.of(scope) if not item.released]
            state = self.driven.limiter._state.scopes.get(scope)
            assert (state.slots if state else 0) == (len(running) if quota.parallel else 0)
            unended = [item for item in self.world.of(scope) if not item.released or (item.held and not item.heard)]
            assert (state.holds if state else 0) == len(unended)
            holding = [item for item in self.world.of(scope) if item.held and not item.heard]
            if quota.budget:
                held = state.purse.held if state and state.purse else 0
                assert held == sum(item.ask.cost for item in holding)

    @invariant()
    def spend_is_never_less_than_the_ledger(self) -> None:
        """Where a budget is known, it is the ledger's, or more until it is read again."""
        if not hasattr(self, "driven"):
            return
        for scope in QUOTAS:
            state = self.driven.limiter._state.scopes.get(scope)
            if state and (purse := state.purse) and purse.read:
                assert purse.spent + self.world.on_its_way(scope) >= self.world.spent(scope, purse.since)

    def teardown(self) -> None:
        """When all has ended and the ledger was read in quiet, the books agree and nothing is left."""
        if not hasattr(self, "driven"):
            return
        self.wait(61.0)
        self.wait(61.0)
        sizes = self.driven.limiter.sizes()
        assert (sizes["holds"], sizes["waiting"]) == (0, 0)
        for scope in ("user", "team", "customer"):
            self.driven.needed = []
            quota = msgspec.structs.replace(self.world.quota(scope, self.driven.now), budget=10**9)
            self.turn(self.driven.ask(quota, lasts=100))
            self.driven.sleep(0.01)
            self.read()
            state = self.driven.limiter._state.scopes[scope]
            assert state.purse is not None
            assert state.purse.spent == self.world.spent(scope, quota.since)

    def turn(self, *items: Ask | Settled | Released) -> None:
        """Let the limiter take a turn."""
        driven = self.driven
        asks = [item for item in items if isinstance(item, Ask)]
        settled = [item for item in items if isinstance(item, Settled)]
        released = [item for item in items if isinstance(item, Released)]
        self.note(driven.limiter.turn(asks, settled, released, driven.now))

    def note(self, result: object) -> None:
        """Check each admission against the limits as they were at its moment, in order."""
        self.driven.heard(result)  # type: ignore[arg-type]
        for admitted in result.record.admitted:  # type: ignore[attr-defined]
            assert admitted.id not in self.world.requests
            ask = self.asked.get(admitted.id)
            if ask is None:
                continue
            for quota in ask.quotas:
                self.check(quota, ask)
            self.world.requests[ask.id] = Request(ask, self.driven.now, ask.tokens)

    def check(self, quota: Quota, ask: Ask) -> None:
        """Check one scope."""
        now, requests = self.driven.now, self.world.of(quota.scope)
        recent = [item for item in requests if self.in_window(item.at, now)]
        assert quota.rpm is None or len(recent) < quota.rpm
        used = sum(item.tokens for item in recent)
        assert quota.tpm is None or used == 0 or used + ask.tokens <= quota.tpm
        assert quota.parallel is None or sum(not item.released for item in requests) < quota.parallel
        if quota.budget is not None:
            purse = self.driven.limiter._state.scopes[quota.scope].purse
            assert purse is not None
            held = sum(item.ask.cost for item in requests if item.held and not item.heard)
            spent = self.world.spent(quota.scope, purse.since) - self.world.on_its_way(quota.scope)
            assert spent + held < quota.budget

    def in_window(self, at: float, now: float) -> bool:
        """Tell whether a moment is in the window of another."""
        return at > now - 60.0


class FixedMachine(LimiterMachine):
    """The same in the minutes of the clock."""

    window = "fixed"

    def in_window(self, at: float, now: float) -> bool:
        """Tell whether both are in the same minute."""
        return (at - START) // 60 == (now - START) // 60


@pytest.mark.parametrize("machine", [LimiterMachine, FixedMachine])
def test_what_must_hold_holds(machine: type[LimiterMachine]) -> None:
    """No limit is passed, nothing leaks, and a stand-by knows everything."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
