"""Reports of days: nothing gets lost between the ledger's rows and what they are broken down by."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.activity import Activity
from services.admin.domain.fields import Fields
from services.admin.domain.report_shapes import by_key, by_team_and_key
from services.admin.domain.spend_shapes import summary_of_rows
from services.admin.domain.spend_window import cursor_of, read_cursor, read_days, read_window
from shared.errors import InvalidRequest
from shared.store.reports import Day
from shared.store.sums import AMOUNTS, Line

amounts = st.fixed_dictionaries({name: st.integers(0, 10**12) for name in AMOUNTS})
lines = st.builds(Line, st.sampled_from(["g", "h", ""]), st.sampled_from(["p", ""]), st.sampled_from(["m", "n", ""]))
rows = st.builds(
    Day,
    day=st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-09"]),
    kind=st.just("caller"),
    id=st.just("x"),
    key=st.sampled_from(["", "k1", "k2"]),
    alias=st.just("a"),
    user=st.sampled_from(["", "u"]),
    team=st.sampled_from(["", "t1", "t2"]),
    organization=st.just("o"),
    lines=st.lists(st.tuples(lines, amounts), max_size=4).map(tuple),
)


def near(dollars: float, nano: int) -> bool:
    """Tell whether a sum of floats is an exact sum, but for the last digits."""
    return dollars == pytest.approx(nano / 1e9, abs=1e-9)


@given(st.lists(rows, max_size=12))
def test_every_part_of_a_report_adds_up(found: list[Day]) -> None:
    """Models, groups, providers and teams each have all of the spend, keys all that had one."""
    activity = Activity()
    for row in found:
        activity.add(row, row.team or "none")
    shape = activity.page(1, 1000, {})
    total = sum(row.totals["spend"] for row in found)
    assert near(shape["metadata"]["total_spend"], total)
    assert shape["metadata"]["total_api_requests"] == sum(row.totals["requests"] for row in found)
    for part in ("models", "model_groups", "providers", "entities"):
        spent = [item["metrics"]["spend"] for day in shape["results"] for item in day["breakdown"][part].values()]
        assert near(sum(spent), total)
    keyed = sum(row.totals["spend"] for row in found if row.key)
    spent = [item["metrics"]["spend"] for day in shape["results"] for item in day["breakdown"]["api_keys"].values()]
    assert near(sum(spent), keyed)
    pages = [activity.page(number, 1, {})["results"] for number in range(1, 4)]
    assert [day["date"] for page in pages for day in page] == [day["date"] for day in shape["results"]]


@given(st.lists(rows, max_size=12))
def test_reports_and_summaries_add_up(found: list[Day]) -> None:
    """By team and by key, and by day."""
    total = sum(row.totals["spend"] for row in found)
    teams = by_team_and_key(found, {"t1": "Team"})
    assert near(sum(team["total_spend"] for day in teams for team in day["teams"]), total)
    assert near(sum(item["total_cost"] for item in by_key(found)), total)
    days = [str(date(2026, 1, 1) + timedelta(days=n)) for n in range(9)]
    assert near(sum(day["spend"] for day in summary_of_rows(found, days)), total)


@given(st.floats(0, 1e10), st.text(min_size=1, max_size=64))
def test_a_cursor_leads_back_to_where_it_was_taken(ended: float, request: str) -> None:
    """It is a text for a query string, and says nothing to whoever reads it."""
    assert read_cursor(Fields({"cursor": cursor_of((ended, request))})) == (ended, request)


def test_days_and_zones() -> None:
    """A report without dates is of thirty days; a zone adds the days that overlap the caller's."""
    now = 1_767_225_600.0 + 3600
    assert read_days(Fields({}), now) == ("2025-12-03", "2026-01-01")
    asked = {"start_date": "2026-01-01", "end_date": "2026-01-02"}
    assert read_days(Fields(asked), now) == ("2026-01-01", "2026-01-02")
    assert read_days(Fields(asked | {"timezone": "-120"}), now) == ("2025-12-31", "2026-01-02")
    assert read_days(Fields(asked | {"timezone": "480"}), now) == ("2026-01-01", "2026-01-03")
    window = read_window(Fields({"start_date": "2026-01-01T00:00:00+02:00", "end_date": "2026-01-01"}), now)
    assert (window.until - window.since, window.is_whole_days) == (26 * 3600, False)
    for wrong in (
        {"timezone": "1e9"},
        {"timezone": "900"},
        {"start_date": "2026-13-01"},
        {"start_date": "yesterday"},
        {"start_date": "2026-01-05", "end_date": "2026-01-01"},
        {"start_date": "2020-01-01", "end_date": "2026-01-01"},
    ):
        with pytest.raises(InvalidRequest):
            read_days(Fields(wrong), now)
