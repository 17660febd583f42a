"""What the limiter remembers: bounded, and carried over by snapshots."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.auth.domain.limiter import Limiter, Piece
from shared.schemas.limits import Quota, Released, Settled
from tests.unit.auth.limiter.driven import Driven, decode, picture

encode_piece, decode_piece = msgspec.json.Encoder().encode, msgspec.json.Decoder(Piece).decode


def filled(window: str = "sliding") -> Driven:
    """Return a limiter with many scopes, in many windows, and requests in every state."""
    driven = Driven(window)
    for number in range(600):
        ask = driven.ask(
            Quota(f"key\x1f{number % 50:064x}", rpm=10**6, tpm=10**9, parallel=10**6),
            Quota(f"team\x1f{number % 7}", budget=10**12, rpm=10**6),
            tokens=number,
            cost=number,
        )
        driven.turn(ask)
        for scope, since in driven.needed:
            driven.load(scope, since=since)
        driven.needed.clear()
        driven.sleep(0.13)
        if number % 3:
            driven.turn(Settled(ask.id, 7, 7))
        if number % 2:
            driven.turn(Released(ask.id, True))
    return driven


def test_idle_scopes_are_forgotten() -> None:
    """Those with limits per minute soon, those with budgets later, those in use never."""
    driven = Driven()
    minute, money, busy = Quota("a", rpm=5), Quota("b", budget=50), Quota("c", parallel=5)
    first, second = driven.ask(minute), driven.ask(money)
    driven.turn(first, second, driven.ask(busy, lasts=5000))
    driven.load("b")
    driven.turn(Released(first.id, False), Released(second.id, False))
    driven.tick(121)
    assert driven.limiter.sizes()["scopes"] == 2
    driven.tick(800)
    assert driven.limiter.sizes()["scopes"] == 1


def test_a_full_table_says_so() -> None:
    """Scopes that are in it go on, and others when there is room again."""
    driven = Driven()
    driven.limiter = Limiter(most_scopes=10)
    quotas = [Quota(str(number), rpm=100) for number in range(12)]
    driven.turn(*(driven.ask(quota, id=f"first{quota.scope}", lasts=10) for quota in quotas))
    assert [driven.verdicts[f"first{number}"].full for number in range(12)] == [False] * 10 + [True] * 2
    assert not driven.turn(driven.ask(quotas[0])).verdicts[0].full
    for number in range(12):
        driven.turn(Released(f"first{number}", True), Settled(f"first{number}", 0, 0))
    driven.tick(121)
    assert not driven.turn(driven.ask(quotas[11])).verdicts[0].full


@pytest.mark.parametrize("limits", [{"rpm": 100}, {"budget": 100}])
def test_no_tenant_fills_the_table(limits: dict[str, int]) -> None:
    """Once it is crowded, whoever brought in more than a tenth brings in nothing more; all others do."""
    driven = Driven()
    driven.limiter = Limiter(most_scopes=100)
    driven.standby = Limiter(most_scopes=100)

    def admitted(tenant: str, number: int) -> int:
        asks = [driven.ask(Quota(f"customer\x1f{tenant}{n}", **limits), tenant=tenant) for n in range(number)]
        driven.turn(*asks)
        for scope, since in driven.needed:
            driven.load(scope, since=since)
        driven.needed.clear()
        driven.tick()
        return sum(not verdict.full for ask in asks if (verdict := driven.verdicts.get(ask.id)))

    assert admitted("loud", 200) == 75
    driven.limiter, driven.standby = driven.standby, Limiter(most_scopes=100)
    driven.standby.restore(driven.limiter.snapshot())
    assert admitted("loud", 80) == 75
    assert admitted("calm", 20) == 10
    assert admitted("quiet", 5) == 5
    assert admitted("", 20) == 10


def test_pieces_are_small_and_make_the_same_limiter() -> None:
    """A restored limiter is equal, and no piece is larger than a message may be."""
    driven = filled()
    pieces = [encode_piece(piece) for piece in driven.limiter.snapshot()]
    restored = Limiter("sliding")
    restored.restore(decode_piece(piece) for piece in pieces)
    assert picture(restored, driven.now) == picture(driven.limiter, driven.now)
    assert len(pieces) > 3
    assert max(map(len, pieces)) < 256_000


@settings(deadline=None)
@given(st.integers(0, 6), st.data())
def test_a_snapshot_is_of_its_moment(ahead: int, data: st.DataObject) -> None:
    """The limiter decides on while the pieces are drawn; they and the records since make the same limiter."""
    driven = Driven()
    asks = [
        driven.ask(Quota(f"k{number}", rpm=50, parallel=9), Quota("t", budget=10**9, tpm=10**6), tokens=3, cost=5)
        for number in range(30)
    ]
    driven.turn(*asks[:20])
    driven.load("t")
    drawn = driven.limiter.snapshot()
    since = len(driven.records)
    pieces: list[bytes] = []
    for step in data.draw(st.permutations(range(9))):
        if step < ahead:
            pieces += [encode_piece(piece) for piece in [next(drawn, None)] if piece is not None]
        driven.sleep(1)
        driven.turn(asks[20 + step], Settled(asks[step].id, 1, 1), Released(asks[9 - step].id, step % 2 == 0))
    driven.heard(driven.limiter.lost("edge.1", driven.now))
    driven.tick(300)
    pieces += [encode_piece(piece) for piece in drawn]
    late = Limiter()
    late.restore(decode_piece(piece) for piece in pieces)
    for record in driven.records[since:]:
        late.apply(decode(record))
    assert picture(late, driven.now) == picture(driven.limiter, driven.now)


def test_the_kind_of_window_may_change_between_two_runs() -> None:
    """What was counted counts on, and not a moment shorter."""
    before = Driven("sliding")
    before.sleep(30)
    quota = Quota("a", rpm=3)
    before.turn(*(before.ask(quota) for _ in range(3)))
    after = Driven("fixed")
    after.limiter.restore(before.limiter.snapshot())
    after.sleep(59)
    assert not after.passes(after.ask(quota, id="x"))
    after.sleep(1)
    assert after.passes(after.ask(quota, id="y"))


def test_windows_may_become_longer_between_two_runs() -> None:
    """What was counted counts for as long as the windows are now."""
    before = Driven()
    before.limiter = Limiter("sliding", 2)
    quota = Quota("a", rpm=3)
    before.turn(*(before.ask(quota) for _ in range(3)))
    after = Driven()
    after.limiter = Limiter("sliding", 10)
    after.limiter.restore(before.limiter.snapshot())
    after.sleep(9.9)
    assert not after.passes(after.ask(quota, id="x"))
    after.sleep(0.2)
    assert after.passes(after.ask(quota, id="y"))


def test_a_clock_that_is_far_behind_is_believed() -> None:
    """Otherwise nothing would pass until it has caught up; windows begin anew, on stand-bys too."""
    driven = filled()
    driven.sleep(-3600)
    driven.turn(driven.ask(Quota("key\x1fx", rpm=1)))
    driven.sleep(61)
    assert driven.passes(driven.ask(Quota("key\x1fx", rpm=1)))
    assert picture(driven.standby, driven.now) == picture(driven.limiter, driven.now)
