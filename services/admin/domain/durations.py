"""How long a key works or a budget's period lasts: LiteLLM's durations, such as `30s`, `1h`, `30d` or `1mo`."""

import calendar
import re
from datetime import UTC, datetime, timedelta

from shared.errors import InvalidRequest
from shared.periods.duration import WORDS

FOREVER = "-1"
"""LiteLLM's way to say that a key never expires, beside null."""

LONGEST = timedelta(days=36_525)
"""A hundred years."""

_DURATION = re.compile(r"([0-9]{1,12})(s|m|h|d|w|mo)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def end_of(duration: str, now: float, param: str = "duration") -> float | None:
    """Return when a duration that begins at `now` ends (both Unix seconds); None for never.

    Months are calendar months in UTC: one that begins on the 31st ends on the last day of a shorter month.
    Raises `InvalidRequest`.
    """
    if duration in ("", FOREVER):
        return None
    amount, unit = _parsed(duration, param)
    return _months_later(now, amount) if unit == "mo" else now + amount * _UNITS[unit]


def checked(duration: str, param: str) -> str:
    """Return a duration that can be read, such as a budget's period, as it is; raise `InvalidRequest`."""
    if duration and duration not in WORDS:
        _parsed(duration, param)
    return duration


def _parsed(duration: str, param: str) -> tuple[int, str]:
    match = _DURATION.fullmatch(duration)
    if match is None or int(match[1]) == 0:
        raise InvalidRequest(f"'{param}' must be a number and a unit, such as 30s, 15m, 1h, 30d or 1mo.", param=param)
    amount, unit = int(match[1]), match[2]
    too_long = amount > 1200 if unit == "mo" else amount * _UNITS[unit] > LONGEST.total_seconds()
    if too_long:
        raise InvalidRequest(f"'{param}' must not be longer than a hundred years.", param=param)
    return amount, unit


def _months_later(now: float, months: int) -> float:
    begin = datetime.fromtimestamp(now, UTC)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return begin.replace(year=year, month=month + 1, day=min(begin.day, last)).timestamp()
