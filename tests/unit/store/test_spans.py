"""Where requests are looked for: everywhere that they may be, the newest first, in pieces of bounded size."""

from hypothesis import given
from hypothesis import strategies as st

from shared.store.pages import SLICES_IN_SLOT, Wanted
from shared.store.spans import ENOUGH, SLICES_IN_DAY, Day, days_of, spans

DAYS = [f"2026-01-{number:02}" for number in range(1, 29)]
FIRST = 20_454 * SLICES_IN_DAY
"""The first slice of the first of these days."""

days = st.lists(
    st.builds(
        Day, st.sampled_from(DAYS), st.integers(1, 5000), st.integers(0, 1),
        st.dictionaries(st.integers(0, 47), st.integers(1, 10**9), max_size=5),
    ),
    unique_by=lambda day: day.day,
).map(lambda found: sorted(found, key=lambda day: day.day, reverse=True))  # fmt: skip


@given(days, st.integers(1, 1000))
def test_every_day_that_has_what_is_wanted_is_read_once(found: list[Day], limit: int) -> None:
    """The newest first, and no day that has nothing of it."""
    read: list[int] = []
    for first, last, stride in spans(found, limit):
        assert 1 <= stride <= last - first + 1
        read += range(last // SLICES_IN_SLOT, first // SLICES_IN_SLOT - 1, -1)
    assert read == sorted(set(read), reverse=True)
    per_day = SLICES_IN_DAY // SLICES_IN_SLOT
    places = {day.day: FIRST // SLICES_IN_SLOT + DAYS.index(day.day) * per_day for day in found}
    for day in found:
        slots = set(range(places[day.day], places[day.day] + per_day))
        assert (slots <= set(read)) if day.wanted else not (slots & set(read))


@given(st.integers(1, 10**9), st.integers(1, 1000))
def test_a_busy_day_is_read_in_pieces(requests: int, limit: int) -> None:
    """Each with no more than was asked for, as far as half hours tell, and five seconds at least."""
    day = Day(DAYS[0], requests, requests, {10: 1})
    for first, last, stride in spans([day], limit):
        length = last - first + 1
        busy = first <= FIRST + 10 * SLICES_IN_SLOT <= last
        share = 0.9 + 0.1 / 48 if busy else 0.1 * length / SLICES_IN_DAY
        assert stride == 1 or requests * share * stride / length <= ENOUGH * limit + 1


def test_rows_say_which_days_have_failures_or_a_model() -> None:
    """A day without a failure is passed over; one with requests that no model served may have any model's."""
    lines = {"=g\x1fp\x1fm": {"requests": 5}, "=\x1f\x1f": {"requests": 2, "failed": 2}}
    rows = [
        {"day": "2026-01-01", "lines": lines, "slots": {"3": {"=g": 7}}},
        {"day": "2026-01-02", "lines": {"=g\x1fp\x1fm": {"requests": 4}}},
    ]
    for wanted, expected in (
        (Wanted(), [4, 7]),
        (Wanted(failed=True), [0, 2]),
        (Wanted(failed=False), [4, 5]),
        (Wanted(group="g"), [4, 7]),
        (Wanted(group="h"), [0, 2]),
    ):
        found = days_of(rows, wanted)
        assert [day.wanted for day in found] == expected
        assert [day.requests for day in found] == [4, 7]
    assert found[1].spend == {3: 7}
