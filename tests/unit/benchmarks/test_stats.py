"""Medians, quantiles, lags and growth."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats import lags, median, quantile, reached, slope


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_median_lies_between_the_halves(values: list[float]) -> None:
    """At least half of the values are no larger than the median, and at least half no smaller."""
    middle = median(values)
    assert sum(value <= middle for value in values) * 2 >= len(values)
    assert sum(value >= middle for value in values) * 2 >= len(values)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_quantile_is_one_of_the_values(values: list[float], share: float) -> None:
    """A quantile is a value that was measured."""
    assert quantile(sorted(values), share) in values


def test_reached_is_between_two_looks() -> None:
    """Between two looks the count is taken to have grown evenly."""
    assert reached([(10.0, 0), (20.0, 100)], 25) == 12.5


def test_lag_is_the_age_of_the_first_answer_that_is_missing() -> None:
    """A ledger that holds all answers is not behind; one that lacks the 51st is as old as that answer."""
    answered = [(0.0, 0), (10.0, 100)]
    assert lags(answered, [(6.1, 50), (12.0, 100)]) == [(6.1, 6.1 - 5.1), (12.0, 0.0)]


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_slope_of_a_line_is_its_steepness(steepness: float, start: float) -> None:
    """Points on a line give the line's steepness."""
    found = slope([(float(x), start + steepness * x) for x in range(5)])
    assert abs(found - steepness) < 1e-6


def test_slope_of_one_point_is_zero() -> None:
    """One point has no direction."""
    assert slope([(1.0, 2.0)]) == 0.0
