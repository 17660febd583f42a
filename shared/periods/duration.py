"""LiteLLM's durations, as periods are counted: in seconds, in days, or in months."""

import re
from typing import Literal, NamedTuple

Unit = Literal["seconds", "days", "months"]

DAY = 86_400

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d|w|mo)")
_UNITS: dict[str, tuple[int, Unit]] = {
    "s": (1, "seconds"),
    "m": (60, "seconds"),
    "h": (3600, "seconds"),
    "d": (1, "days"),
    "w": (7, "days"),
    "mo": (1, "months"),
}
WORDS = {"hourly": "1h", "daily": "1d", "weekly": "7d", "monthly": "30d"}
"""Periods by their names."""


class Duration(NamedTuple):
    """The length of a period."""

    amount: int
    unit: Unit


def parse(duration: str) -> Duration:
    """Return a duration; whole days of hours are days, and 30 days are a month, as in LiteLLM.

    Raises `ValueError`.
    """
    match = _DURATION.fullmatch(WORDS.get(duration, duration))
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{duration!r} is no duration such as 30s, 15m, 1h, 7d or 1mo")
    factor, unit = _UNITS[match[2]]
    amount = int(match[1]) * factor
    if unit == "seconds" and amount == DAY:
        return Duration(1, "days")
    if unit == "days" and amount == 30:
        return Duration(1, "months")
    return Duration(amount, unit)
