"""Who is alive, and where the next request goes."""

from hypothesis import given
from hypothesis import strategies as st

from shared.bus import subjects
from shared.bus.beats import LOST_AFTER
from shared.bus.membership import FORGET_AFTER, FRESH, Membership

GROUP = subjects.request("router")
STEPS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["beat", "unready", "leave"]), st.floats(0, 2)),
    max_size=40,
)


def test_nobody_is_no_address() -> None:
    """A request for a service without workers is refused at once."""
    assert Membership().address("router", 0) is None


def test_a_silent_worker_is_walked_around() -> None:
    """While one worker is silent without a good-bye, live ones are addressed by name; after it, the group again."""
    members = Membership()
    members.beat("router", "a", 0)
    members.beat("router", "b", 0)
    assert members.address("router", 1) == GROUP
    members.beat("router", "b", FRESH)
    assert members.address("router", FRESH + 0.1) == subjects.worker_request("router", "b")
    members.leave("router", "a", 1.0)
    assert members.address("router", FRESH + 0.1) == GROUP


def test_a_repeat_is_addressed_by_name() -> None:
    """A repeat goes round the live workers in turn."""
    members = Membership()
    members.beat("router", "a", 0)
    members.beat("router", "b", 0)
    named = {members.address("router", 1, direct=True) for _ in range(4)}
    assert named == {subjects.worker_request("router", name) for name in "ab"}


@given(STEPS)
def test_an_address_is_always_of_somebody_alive(steps: list[tuple[str, str, float]]) -> None:
    """Whatever beats come and go: the group only while nobody in it is silent, a name only of a live worker."""
    members, now = Membership(), 0.0
    for worker, what, pause in steps:
        now += pause
        if what == "leave":
            members.leave("router", worker, now)
        else:
            members.beat("router", worker, now, ready=what == "beat")
        for later in (now, now + FRESH / 2, now + FRESH * 1.5):
            address, alive = members.address("router", later), members.alive("router", later)
            if not alive:
                assert address is None
            elif address == GROUP:
                assert not members.suspicious("router", later)
            else:
                assert address in {subjects.worker_request("router", name) for name in alive}


def test_the_dead_are_forgotten() -> None:
    """A worker that never said good-bye is suspected for a while and then no more."""
    members = Membership()
    members.beat("router", "a", 0)
    members.beat("router", "b", FORGET_AFTER + 1)
    members.forget(FORGET_AFTER + 1)
    assert members.address("router", FORGET_AFTER + 1.1) == GROUP


def test_silence_of_everybody_is_the_brokers() -> None:
    """When not even our own beat is heard, it is the broker that is gone."""
    members = Membership()
    members.beat("edge", "me", 10)
    assert (members.silent(10 + LOST_AFTER - 0.1), members.silent(10 + LOST_AFTER + 0.1)) == (False, True)


def test_only_who_is_heard_is_present_and_missing_something() -> None:
    """A worker that fell silent says nothing any more; when nobody is heard, nobody can tell who is there."""
    members = Membership()
    assert members.present(0) is None
    members.beat("auth", "a", 0, missing=("the database",))
    members.beat("router", "b", FRESH, missing=("models", "models"))
    assert members.present(1) == {"a", "b"}
    assert members.missing(1) == [("auth", "the database"), ("router", "models")]
    assert members.present(FRESH + 0.1) == {"b"}
    assert members.missing(FRESH + 0.1) == [("router", "models")]
    assert members.present(3 * FRESH) is None


def test_what_became_of_the_files_objects_is_told_at_its_worst() -> None:
    """By workers that are heard, and those that left say nothing any more."""
    members = Membership()
    assert members.declarations(0) == ""
    members.beat("router", "r", 0)
    members.beat("admin", "a", 0, declarations="applied")
    assert members.declarations(0) == "applied"
    members.beat("admin", "b", 0, declarations="refused")
    members.beat("admin", "c", 0, declarations="waiting")
    assert members.declarations(0) == "refused"
    members.leave("admin", "b", 0)
    assert members.declarations(0) == "waiting"
