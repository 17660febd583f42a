"""The period in which a moment lies.

The calendar fixes most of them, as LiteLLM's `get_next_standardized_reset_time` does: a day begins at midnight, 7 days
on Monday, 30 days and a month on the first, and what divides a day at the multiples of itself since midnight. All
others are counted from the budget's beginning.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.periods.duration import DAY, Duration, parse

FOREVER = (0.0, 0.0)
"""The period of a budget that never resets."""

HOUR = 3600

Boundary = Callable[[int], float]
"""The begin of the period of that number, as Unix seconds; never falls with the number."""


def period(duration: str, anchor: float, now: float, zone: str = "UTC") -> tuple[float, float]:
    """Return begin and end, as Unix seconds, of the period that holds `now`; `FOREVER` for an empty duration.

    `anchor` is when the budget's first period began, and `zone` an IANA time zone. A midnight that a change of the
    clocks skips is the first moment after it. Raises `ValueError` for what is no duration or never ends, and
    `zoneinfo.ZoneInfoNotFoundError`.
    """
    if not duration:
        return FOREVER
    length, place = parse(duration), ZoneInfo(zone)
    try:
        return _around(now, *_BY_UNIT[length.unit](length, anchor, now, place))
    except OverflowError:
        raise ValueError("the period ends when no calendar does") from None


def _around(now: float, boundary: Boundary, number: int) -> tuple[float, float]:
    while boundary(number) > now:
        number -= 1
    while (until := boundary(number + 1)) <= now:
        number += 1
    return boundary(number), until


def _by_seconds(length: Duration, anchor: float, now: float, zone: ZoneInfo) -> tuple[Boundary, int]:
    if length.amount > DAY or DAY % length.amount:
        return lambda number: anchor + number * length.amount, int((now - anchor) // length.amount)
    today = datetime.fromtimestamp(now, zone).date()
    begin, end = _midnight(today, zone), _midnight(today + timedelta(days=1), zone)
    if length.amount <= HOUR:
        return lambda number: min(begin + number * length.amount, end), int((now - begin) // length.amount)
    per_day = DAY // length.amount
    return lambda number: _wall(today, number, per_day, length.amount, zone), per_day - 1


def _by_days(length: Duration, anchor: float, now: float, zone: ZoneInfo) -> tuple[Boundary, int]:
    today = datetime.fromtimestamp(now, zone).date()
    first = today if length.amount == 1 else _MONDAY
    if length.amount not in (1, 7):
        first = datetime.fromtimestamp(anchor, zone).date()
    number = (today - first).days // length.amount
    return lambda number: _midnight(first + timedelta(days=number * length.amount), zone), number


def _by_months(length: Duration, anchor: float, now: float, zone: ZoneInfo) -> tuple[Boundary, int]:
    first = 0 if length.amount == 1 else _month(datetime.fromtimestamp(anchor, zone).date())
    number = (_month(datetime.fromtimestamp(now, zone).date()) - first) // length.amount
    return lambda number: _first_of(first + number * length.amount, zone), number


def _wall(today: date, number: int, per_day: int, seconds: int, zone: ZoneInfo) -> float:
    days, part = divmod(number, per_day)
    begin = datetime.combine(today + timedelta(days=days), time()) + timedelta(seconds=part * seconds)
    return begin.replace(tzinfo=zone).timestamp()


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime.combine(day, time(), zone).timestamp()


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _first_of(month: int, zone: ZoneInfo) -> float:
    year, index = divmod(month, 12)
    return _midnight(date(year, index + 1, 1), zone)


_MONDAY = date(2024, 1, 1)

_BY_UNIT: dict[str, Callable[[Duration, float, float, ZoneInfo], tuple[Boundary, int]]] = {
    "seconds": _by_seconds,
    "days": _by_days,
    "months": _by_months,
}
