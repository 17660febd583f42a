"""Parallel requests: slots with an owner and an end."""

from shared.schemas.limits import Quota, Released, Settled
from tests.unit.auth.limiter.driven import Driven

KEY = Quota("key\x1fa", parallel=2)


def test_so_many_at_once() -> None:
    """A third one is refused until one of two is over."""
    driven = Driven()
    first = driven.ask(KEY)
    assert [driven.passes(first), driven.passes(driven.ask(KEY))] == [True, True]
    refusal = driven.try_(driven.ask(KEY))
    assert refusal is not None
    assert (refusal.measure, refusal.limit, refusal.used) == ("parallel", 2, 2)
    assert refusal.retry_after is not None
    driven.turn(Settled(first.id, 1, 1))
    assert not driven.passes(driven.ask(KEY))
    driven.turn(Released(first.id, True), Released(first.id, True))
    assert driven.passes(driven.ask(KEY))
    assert not driven.passes(driven.ask(KEY))


def test_a_death_gives_all_back() -> None:
    """The slots of one owner, and of nobody else."""
    driven = Driven()
    team = Quota("team\x1fx", parallel=500)
    driven.turn(*(driven.ask(team, owner="edge.1") for _ in range(499)), driven.ask(team, owner="edge.2"))
    assert driven.limiter.owners == ("edge.1", "edge.2")
    driven.heard(driven.limiter.lost("edge.1", driven.now))
    driven.turn(*(driven.ask(team, owner="edge.3") for _ in range(600)))
    passed = sum(verdict.refusal is None for verdict in driven.verdicts.values())
    assert passed == 500 + 499


def test_a_lease_ends_by_itself() -> None:
    """What nobody releases is free half a minute after its deadline."""
    driven = Driven()
    driven.turn(driven.ask(KEY, lasts=10), driven.ask(KEY, lasts=10))
    driven.tick(39)
    assert not driven.passes(driven.ask(KEY))
    driven.tick(10)
    assert driven.passes(driven.ask(KEY))


def test_a_release_that_overtakes_its_question_leaves_nothing_behind() -> None:
    """The request is over before it began: it takes nothing."""
    driven = Driven()
    ask = driven.ask(KEY)
    driven.turn(Released(ask.id, False))
    driven.turn(ask)
    assert driven.limiter.sizes()["holds"] == 0


def test_nothing_leaks_over_every_kind_of_end() -> None:
    """Ten thousand requests later the tables are empty."""
    driven = Driven()
    quotas = [Quota(f"key\x1f{number}", rpm=10**6, tpm=10**9, parallel=10**6) for number in range(10)]
    for number in range(10_000):
        ask = driven.ask(quotas[number % 10], tokens=5, owner=f"edge.{number % 7}", lasts=5)
        driven.turn(ask)
        settled, sent, unsent = Settled(ask.id, 3, 3), Released(ask.id, True), Released(ask.id, False)
        ends = ([settled, sent], [sent, settled], [unsent], [sent], [], [settled], [unsent, settled], [settled, unsent])
        for end in ends[number % 8]:
            driven.turn(end)
    for owner in driven.limiter.owners[:3]:
        driven.heard(driven.limiter.lost(owner, driven.now))
    for _ in range(20):
        driven.tick(20)
    sizes = driven.limiter.sizes()
    assert (sizes["holds"], sizes["waiting"], sizes["scopes"], driven.limiter.owners) == (0, 0, 0, ())
