"""Waiting for a turn instead of being refused."""

from shared.schemas.limits import Ask, Quota, Released
from tests.unit.auth.limiter.driven import Driven

KEY = Quota("key\x1fa", parallel=1)
MINUTE = Quota("key\x1fb", tpm=100)


def admitted(driven: Driven) -> list[str]:
    """Return who was admitted, in order."""
    return [id for id, verdict in driven.verdicts.items() if verdict.refusal is None]


def test_it_is_admitted_when_there_is_room() -> None:
    """Without a verdict until then, and with one when its turn has come."""
    driven = Driven()
    first, second = driven.ask(KEY), driven.ask(KEY, wait=10)
    driven.turn(first)
    assert driven.turn(second).waiting == [second.id]
    assert driven.turn(second).waiting == [second.id]
    result = driven.turn(Released(first.id, True))
    assert [verdict.id for verdict in result.verdicts] == [second.id]


def test_it_is_refused_when_its_patience_ends() -> None:
    """With the reason as it is then."""
    driven = Driven()
    second = driven.ask(KEY, wait=10)
    driven.turn(driven.ask(KEY), second)
    assert driven.tick(9.9).verdicts == []
    (verdict,) = driven.tick(0.2).verdicts
    assert verdict.refusal is not None
    assert verdict.refusal.measure == "parallel"


def test_room_that_time_gives_is_found_by_the_tick() -> None:
    """A window slides on without any message."""
    driven = Driven()
    driven.turn(driven.ask(MINUTE, tokens=100))
    second = driven.ask(MINUTE, tokens=100, wait=100)
    driven.turn(second)
    assert driven.tick(59.9).verdicts == []
    assert [verdict.id for verdict in driven.tick(0.1).verdicts] == [second.id]


def test_tenants_take_turns() -> None:
    """A tenant that asked a hundred times first does not keep another one waiting for a hundred turns."""
    driven = Driven()
    running = driven.ask(KEY)
    asks = [driven.ask(KEY, wait=100, tenant="loud", id=f"loud{number}") for number in range(3)]
    asks += [driven.ask(KEY, wait=100, tenant="quiet", id=f"quiet{number}") for number in range(2)]
    driven.turn(running, *asks)
    for _ in range(5):
        driven.turn(Released(admitted(driven)[-1], True))
    assert admitted(driven)[1:] == ["loud0", "quiet0", "loud1", "quiet1", "loud2"]


def test_a_large_one_is_not_starved_by_small_ones_that_wait() -> None:
    """Nobody passes the head of the line."""
    driven = Driven()
    driven.turn(driven.ask(MINUTE, tokens=60))
    large, small = driven.ask(MINUTE, tokens=90, wait=100), driven.ask(MINUTE, tokens=10, wait=100, tenant="b")
    driven.turn(large)
    driven.turn(small)
    assert admitted(driven)[1:] == []
    driven.tick(61)
    assert admitted(driven)[1:] == [large.id, small.id]


def test_those_who_do_not_wait_pass_it_a_few_times() -> None:
    """Sixteen may; the next one is refused though it would fit."""
    driven = Driven()
    driven.turn(driven.ask(MINUTE, tokens=50))
    driven.turn(driven.ask(MINUTE, tokens=90, wait=100))
    assert not driven.passes(driven.ask(MINUTE, tokens=80))
    passed = [driven.passes(driven.ask(MINUTE, tokens=1)) for _ in range(18)]
    assert passed == [True] * 16 + [False] * 2


def test_who_waits_for_one_scope_does_not_hold_up_another() -> None:
    """The lines are by scope, not by tenant."""
    driven = Driven()
    driven.turn(driven.ask(KEY), driven.ask(KEY, wait=100, tenant="a"))
    assert driven.passes(driven.ask(MINUTE, tokens=1, wait=100, tenant="a"))


def test_who_leaves_frees_the_line() -> None:
    """A client that went away, or whose edge died, is passed over."""
    driven = Driven()
    running = driven.ask(KEY)
    gone, dead, last = (
        driven.ask(KEY, wait=50, id="gone"),
        driven.ask(KEY, wait=50, owner="edge.2", id="dead"),
        driven.ask(KEY, wait=50, id="last"),
    )
    driven.turn(running, gone, dead, last)
    driven.turn(Released(gone.id, False))
    driven.heard(driven.limiter.lost("edge.2", driven.now))
    driven.turn(Released(running.id, True))
    assert admitted(driven)[1:] == [last.id]
    assert driven.limiter.sizes()["waiting"] == 0


def test_spent_money_is_not_waited_for() -> None:
    """Only holds of requests in flight go away by themselves."""
    driven = Driven()
    team = Quota("team\x1fx", budget=100)
    first = driven.ask(team, cost=100)
    driven.turn(first)
    driven.load(team.scope)
    second = driven.ask(team, wait=50)
    driven.turn(second)
    assert second.id not in driven.verdicts
    driven.sleep(1)
    driven.end(first, cost=100)
    refusal = driven.verdicts[second.id].refusal
    assert refusal is not None
    assert refusal.used == 100


def test_one_that_moves_on_to_another_line_keeps_its_patience() -> None:
    """Free in one scope and not in the next, it waits there."""
    driven = Driven()
    other = Quota("team\x1fx", parallel=1)
    first, second = driven.ask(KEY), driven.ask(other)
    both = driven.ask(KEY, other, wait=50)
    driven.turn(first, second, both)
    driven.turn(Released(first.id, True))
    assert both.id not in driven.verdicts
    driven.turn(Released(second.id, True))
    assert driven.verdicts[both.id].refusal is None


def test_the_line_is_bounded() -> None:
    """One more is refused at once."""
    driven = Driven()
    asks: list[Ask] = [driven.ask(KEY, wait=50, tenant=str(number % 5)) for number in range(10_002)]
    driven.turn(*asks)
    assert driven.limiter.sizes()["waiting"] == 10_000
    assert driven.verdicts[asks[-1].id].refusal is not None


def test_no_tenant_takes_all_of_the_room_to_wait() -> None:
    """Beyond a quarter of it a tenant is refused at once, and another one waits as before."""
    driven = Driven()
    running = driven.ask(KEY)
    asks = [driven.ask(KEY, wait=50, tenant="loud") for _ in range(2_501)]
    driven.turn(running, *asks)
    assert driven.limiter.sizes()["waiting"] == 2_500
    assert driven.verdicts[asks[-1].id].refusal is not None
    assert driven.turn(quiet := driven.ask(KEY, wait=50, tenant="quiet")).waiting == [quiet.id]
    driven.turn(Released(running.id, True))
    assert driven.turn(later := driven.ask(KEY, wait=50, tenant="loud")).waiting == [later.id]


def test_many_go_on_in_several_steps() -> None:
    """A thousand whose budget was read at last are not one record, which would be larger than a message may be."""
    driven = Driven()
    team = Quota("team\x1fx", budget=10**9)
    asks = [driven.ask(team) for _ in range(1000)]
    for start in range(0, 1000, 100):
        driven.turn(*asks[start : start + 100])
    steps = [len(driven.load(team.scope).verdicts)]
    while len(driven.verdicts) < 1000:
        steps.append(len(driven.tick(0.1).verdicts))
    assert steps == [8, 300, 300, 300, 92]
    assert admitted(driven) == [ask.id for ask in asks]


def test_a_long_line_goes_on_in_several_steps() -> None:
    """Room for a thousand is filled by one tick after the other, without another message."""
    driven = Driven("fixed")
    minute = Quota("key\x1fc", rpm=1000)
    driven.turn(*(driven.ask(minute) for _ in range(1000)))
    driven.turn(*(driven.ask(minute, wait=100) for _ in range(1000)))
    steps = [len(driven.tick(60).verdicts)] + [len(driven.tick(0.1).verdicts) for _ in range(4)]
    assert steps == [300, 300, 300, 100, 0]
