"""The way of a request through the deployments of its model group."""

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.course import Course
from services.router.domain.refusals import NoRoom
from services.router.domain.retries import Next
from shared.errors import ProviderError, Unavailable

AWAY = Unavailable("nobody answers", retry_after=1)
FAILED = ProviderError("fault", status=500)
ORDERS = st.lists(st.integers(), min_size=1, max_size=8, unique=True)
EVENTS = st.lists(st.sampled_from(["full", "group", "away", "again", "elsewhere"]), min_size=40, max_size=40)


def full(wait: float = 1.0, *, everywhere: bool = False) -> NoRoom:
    """Return a refusal."""
    error = NoRoom("no room", retry_after=wait)
    error.everywhere = everywhere
    return error


@given(ORDERS)
def test_each_deployment_is_tried_once_in_order(order: list[int]) -> None:
    """Where all are full, all are asked, and the caller is told of the one with room first."""
    course = Course(order)
    asked = []
    while (item := course.next()) is not None:
        asked.append(item)
        course.refused(full(10.0 + item))
    assert asked == order
    assert course.error.retry_after == 10.0 + min(order)


@given(ORDERS, EVENTS)
def test_every_course_ends(order: list[int], events: list[str]) -> None:
    """Each deployment is tried once, and none more often than there are attempts to repeat."""
    course = Course(order)
    tried: list[int] = []
    for event in events:
        if (item := course.next()) is None:
            break
        tried.append(item)
        match event:
            case "full" | "group":
                course.refused(full(everywhere=event == "group"))
            case "away":
                course.unanswered(AWAY, lambda other: other % 2 == 0)
            case _:
                course.failed(item, FAILED, Next.ANYWHERE if event == "again" else Next.ELSEWHERE)
    assert course.next() is None
    first = list(dict.fromkeys(tried))
    assert first == [item for item in order if item in first]
    assert len(tried) <= 2 * len(order) + 1
    assert isinstance(course.error, ProviderError | Unavailable | NoRoom)


def test_a_full_model_group_ends_the_search() -> None:
    """No other deployment is asked about."""
    course = Course("ab")
    course.next()
    course.refused(full(everywhere=True))
    assert course.next() is None


def test_a_full_deployment_is_no_other_to_go_to() -> None:
    """A fault of one is repeated there when the rest is full, and is what the caller hears if it fails again."""
    course = Course("ab")
    assert course.next() == "a"
    course.failed("a", FAILED, Next.ANYWHERE)
    assert course.next() == "b"
    course.refused(full())
    assert course.next() == "a"
    course.failed("a", FAILED, Next.ELSEWHERE)
    assert course.next() is None
    assert course.error is FAILED


def test_where_nobody_can_tell_what_has_no_limits_is_left() -> None:
    """Deployments with limits are not tried, which would wait for the same silence; without others it is 503."""
    course = Course("abc")
    assert course.next() == "a"
    course.unanswered(AWAY, lambda other: other == "b")
    assert course.next() == "c"
    course.unanswered(AWAY, lambda _: True)
    assert course.next() is None
    assert course.error is AWAY
