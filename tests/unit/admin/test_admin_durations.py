"""How long a key works, and the days of a summary."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.durations import LONGEST, checked, end_of
from services.admin.domain.times import begin_of, days_between, shown
from services.admin.domain.times import end_of as day_end_of
from shared.errors import InvalidRequest

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
moments = st.floats(0, 4e9)


@given(amount=st.integers(1, 5000), unit=st.sampled_from("smhdw"), now=moments)
def test_a_duration_ends_so_many_units_later(amount: int, unit: str, now: float) -> None:
    """Seconds, minutes, hours, days and weeks have one length each."""
    assert end_of(f"{amount}{unit}", now) == now + amount * SECONDS[unit]


@given(months=st.integers(1, 1200), now=moments)
def test_a_month_later_is_the_same_day_or_the_last_one(months: int, now: float) -> None:
    """A calendar month ends on the same day of the month, or on the last day of a shorter one."""
    begin = datetime.fromtimestamp(now, UTC)
    end = end_of(f"{months}mo", now)
    assert end is not None
    later = datetime.fromtimestamp(end, UTC)
    assert (later.year - begin.year) * 12 + later.month - begin.month == months
    next_day = datetime.fromtimestamp(end + 86_400, UTC)
    assert later.day == begin.day or (later.day < begin.day and next_day.day == 1)


@pytest.mark.parametrize("name", ["hourly", "daily", "weekly", "monthly"])
def test_a_period_may_go_by_its_name(name: str) -> None:
    """As a budget's period; no key lives so long."""
    assert checked(name, "budget_duration") == name
    with pytest.raises(InvalidRequest):
        end_of(name, 0)


@pytest.mark.parametrize("duration", ["", "-1"])
def test_without_a_duration_a_key_never_expires(duration: str) -> None:
    """Nothing and LiteLLM's -1 mean never."""
    assert end_of(duration, 0) is None


@pytest.mark.parametrize(
    "duration", ["0d", "1", "d", "1y", "-2d", "1.5h", " 1h", "1h ", "１h", "9999999999d", "1201mo"]
)
def test_what_is_no_duration_is_refused(duration: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as refused:
        end_of(duration, 0)
    assert refused.value.param == "duration"


@given(text=st.text(max_size=20), now=moments)
def test_any_text_is_a_duration_or_refused(text: str, now: float) -> None:
    """Nothing else is raised, and no end is further away than a hundred years."""
    try:
        end = end_of(text, now)
    except InvalidRequest:
        return
    assert end is None or now < end <= now + LONGEST.total_seconds() + 2 * 86_400


def test_a_window_holds_its_last_day() -> None:
    """A day ends when the next one begins; a time is exact."""
    begin, end = begin_of("2026-01-30", "start_date"), day_end_of("2026-02-01", "end_date")
    assert days_between(begin, end) == ["2026-01-30", "2026-01-31", "2026-02-01"]
    assert day_end_of("2026-02-01T12:00:00Z", "end_date") == begin_of("2026-02-01", "x") + 43_200


@given(moment=moments)
def test_a_shown_moment_reads_as_the_same_moment(moment: float) -> None:
    """To the millisecond."""
    text = shown(moment)
    assert text is not None
    assert abs(begin_of(text, "x") - moment) <= 0.001


@given(text=st.text(max_size=30))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    """Nothing else is raised."""
    for read in (begin_of, day_end_of):
        with suppress(InvalidRequest):
            assert 0 <= read(text, "start_date") < 1e12
