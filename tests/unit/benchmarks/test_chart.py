"""The chart, and how figures are worded."""

from xml.etree import ElementTree

from benchmarks.chart import stacked_bars
from benchmarks.findings import Check, Finding
from benchmarks.report import markdown, sentence
from benchmarks.targets import scaled, scaled_rate


def test_a_chart_is_a_picture_with_a_bar_for_each_part() -> None:
    """Each process of each contender is one rectangle with its figure, and names are escaped."""
    svg = stacked_bars(
        "A <title>", {"bare": {"proxy": 150.0}, "tollway": {"edge": 100.0, "nats": 50.0}}, ("2.6 B", 390.0)
    )
    tree = ElementTree.fromstring(svg)
    titles = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["proxy: 150.0 µs", "edge: 100.0 µs", "nats: 50.0 µs"]


def test_a_check_says_what_was_asked_for() -> None:
    """A figure stands beside its limit, in the direction that is meant."""
    rate = Check("rate", 2500.0, "req/s", 2400.0, at_most=False)
    assert rate.met
    assert sentence(rate) == "rate: 2,500 req/s (at least 2,400)"
    assert sentence(Check("lag", float("inf"), "s", 2.0)) == "lag: inf s (at most 2)"


def test_findings_become_markdown() -> None:
    """A missed limit stands out."""
    page = markdown(Finding("x", "Title", ("a", "b"), (("1", "2"),), (Check("w", 3.0, "s", 2.0),)))
    assert "| 1 | 2 |" in page
    assert "**not met**: w: 3 s (at most 2)" in page


def test_limits_scale_with_the_machine() -> None:
    """On a machine that takes twice as long for B, times double and rates halve."""
    assert scaled(70.0, 300.0) == 140.0
    assert scaled_rate(2400.0, 300.0) == 1200.0
