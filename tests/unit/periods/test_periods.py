"""The periods of budgets."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.periods import FOREVER, period

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago", "Asia/Gaza"]
)
DURATIONS = st.sampled_from(
    ["30s", "90s", "7m", "15m", "1h", "5h", "6h", "24h", "36h", "1d", "2d", "7d", "1w", "2w", "30d", "1mo", "3mo"]
)
MOMENTS = st.floats(1_600_000_000, 1_900_000_000)
CHANGES = st.sampled_from([1_774_746_000, 1_792_890_000, 1_772_953_200, 1_793_512_800, 1_791_043_200, 1_775_314_800])
"""Moments around which clocks changed in some of these zones, in 2026."""
NEAR_CHANGES = st.builds(lambda change, offset: float(change + offset), CHANGES, st.integers(-90_000, 90_000))


def at(text: str, zone: str = "UTC") -> float:
    """Return a local time as Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("duration", "now", "since", "until"),
    [
        ("30s", "2026-11-24T09:15:44", "2026-11-24T09:15:30", "2026-11-24T09:16:00"),
        ("15m", "2026-11-24T09:15:00", "2026-11-24T09:15:00", "2026-11-24T09:30:00"),
        ("1h", "2026-11-24T09:15:00", "2026-11-24T09:00:00", "2026-11-24T10:00:00"),
        ("6h", "2026-11-24T13:15:00", "2026-11-24T12:00:00", "2026-11-24T18:00:00"),
        ("24h", "2026-11-24T13:15:00", "2026-11-24T00:00:00", "2026-11-25T00:00:00"),
        ("1d", "2026-11-24T00:00:00", "2026-11-24T00:00:00", "2026-11-25T00:00:00"),
        ("daily", "2026-11-24T00:00:00", "2026-11-24T00:00:00", "2026-11-25T00:00:00"),
        ("7d", "2026-11-24T13:15:00", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        ("1w", "2026-11-22T23:59:59", "2026-11-16T00:00:00", "2026-11-23T00:00:00"),
        ("30d", "2026-11-24T13:15:00", "2026-11-01T00:00:00", "2026-12-01T00:00:00"),
        ("1mo", "2026-12-24T13:15:00", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("monthly", "2026-02-28T13:15:00", "2026-02-01T00:00:00", "2026-03-01T00:00:00"),
    ],
)
def test_the_calendar_fixes_the_usual_ones(duration: str, now: str, since: str, until: str) -> None:
    """They begin where LiteLLM resets, whenever the budget was made."""
    for anchor in (0.0, at("2026-05-17T03:04:05")):
        assert period(duration, anchor, at(now)) == (at(since), at(until))


@pytest.mark.parametrize(
    ("duration", "since", "until"),
    [
        ("10d", "2026-11-15T00:00:00", "2026-11-25T00:00:00"),
        ("2w", "2026-11-19T00:00:00", "2026-12-03T00:00:00"),
        ("3mo", "2026-11-01T00:00:00", "2027-02-01T00:00:00"),
        ("7h", "2026-11-24T02:30:00", "2026-11-24T09:30:00"),
    ],
)
def test_others_are_counted_from_the_beginning(duration: str, since: str, until: str) -> None:
    """Days from the midnight before the budget's beginning, months from its month, hours from the moment."""
    anchor = at("2026-11-05T10:30:00")
    assert period(duration, anchor, at("2026-11-24T09:15:00")) == (at(since), at(until))


def test_a_day_is_the_day_of_the_zone() -> None:
    """Midnight is midnight there, and the day on which clocks change has 23 or 25 hours."""
    zone = "America/New_York"
    since, until = period("1d", 0, at("2026-03-08T12:00:00", zone), zone)
    assert (since, until - since) == (at("2026-03-08T00:00:00", zone), 23 * 3600)
    since, until = period("1d", 0, at("2026-11-01T12:00:00", zone), zone)
    assert until - since == 25 * 3600


@pytest.mark.parametrize(
    ("duration", "now", "since", "until", "hours"),
    [
        ("1mo", "2026-03-30T12:00:00", "2026-03-01T00:00:00", "2026-04-01T00:00:00", 31 * 24 - 1),
        ("30d", "2026-10-25T02:30:00", "2026-10-01T00:00:00", "2026-11-01T00:00:00", 31 * 24 + 1),
        ("7d", "2026-03-29T03:00:00", "2026-03-23T00:00:00", "2026-03-30T00:00:00", 7 * 24 - 1),
        ("1d", "2026-10-25T23:59:59", "2026-10-25T00:00:00", "2026-10-26T00:00:00", 25),
        ("10d", "2026-03-28T00:00:00", "2026-03-21T00:00:00", "2026-03-31T00:00:00", 10 * 24 - 1),
        ("3mo", "2026-03-31T23:00:00", "2026-03-01T00:00:00", "2026-06-01T00:00:00", 92 * 24 - 1),
    ],
)
def test_resets_are_at_midnight_on_both_sides_of_a_clock_change(
    duration: str, now: str, since: str, until: str, hours: int
) -> None:
    """Weeks, months and days counted from a beginning: Berlin loses an hour on 29 March and gains one on 25 October."""
    zone, anchor = "Europe/Berlin", at("2026-03-01T08:00:00", "Europe/Berlin")
    found = period(duration, anchor, at(now, zone), zone)
    assert found == (at(since, zone), at(until, zone))
    assert found[1] - found[0] == hours * 3600


def test_a_midnight_that_does_not_exist_is_the_moment_after() -> None:
    """In Santiago clocks go from 24:00 to 01:00 in spring: the day begins at 01:00."""
    zone = "America/Santiago"
    since, _ = period("1d", 0, at("2026-09-06T12:00:00", zone), zone)
    assert datetime.fromtimestamp(since, ZoneInfo(zone)).isoformat() == "2026-09-06T01:00:00-03:00"


def test_an_empty_duration_never_ends() -> None:
    """Such a budget has one period, for ever."""
    assert period("", 5.0, 7.0) == FOREVER


@pytest.mark.parametrize("wrong", ["1", "d", "0d", "-1d", "1y", "1 d", "1hr", "1d ", "١d", "9999999999s"])
def test_what_is_no_duration_is_refused(wrong: str) -> None:
    """A number above zero, and one of LiteLLM's units."""
    with pytest.raises(ValueError, match="no duration"):
        period(wrong, 0.0, 0.0)


@settings(deadline=None)
@given(DURATIONS, st.floats(1_500_000_000, 1_600_000_000), MOMENTS | NEAR_CHANGES, ZONES)
def test_periods_follow_each_other_without_gap(duration: str, anchor: float, now: float, zone: str) -> None:
    """A moment lies in its period, and every moment of that has the same one; the next begins where it ends."""
    since, until = period(duration, anchor, now, zone)
    assert since <= now < until
    assert period(duration, anchor, since, zone) == (since, until)
    assert period(duration, anchor, (since + until) / 2, zone) == (since, until)
    assert period(duration, anchor, until - 0.001, zone) == (since, until)
    after, end = period(duration, anchor, until, zone)
    assert after == until < end


@settings(deadline=None)
@given(DURATIONS, st.floats(1_500_000_000, 1_600_000_000), MOMENTS | NEAR_CHANGES, ZONES)
def test_a_period_has_about_its_length(duration: str, anchor: float, now: float, zone: str) -> None:
    """A change of the clocks makes it longer or shorter by an hour at most, unless it is that short itself."""
    lengths = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 30.4 * 86_400}
    unit = duration.lstrip("0123456789")
    length = int(duration[: -len(unit)]) * lengths[unit]
    since, until = period(duration, anchor, now, zone)
    slack = 3 * 86_400 if unit == "mo" or duration == "30d" else 3600
    assert until - since <= length + slack
    assert until - since >= min(length, 1800) * 0.5 or length > 3600


@pytest.mark.parametrize("duration", ["999999w", "999999mo"])
def test_a_period_beyond_all_calendars_is_told_like_any_bad_one(duration: str) -> None:
    """A configuration file may say it; whoever asks takes it for a period that never ends, and nothing fails."""
    with pytest.raises(ValueError, match=r"calendar|year"):
        period(duration, 1_800_000_000.0, 1_800_000_000.0)
