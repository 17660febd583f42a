"""Moments as LiteLLM's clients read and write them."""

from datetime import UTC, date, datetime, timedelta

from shared.errors import InvalidRequest


def shown(moment: float | None) -> str | None:
    """Return Unix seconds as ISO 8601 in UTC, with milliseconds; None stays None."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def begin_of(text: str, param: str) -> float:
    """Return the Unix seconds at which a day or moment begins; raise `InvalidRequest`."""
    return _moment(text, param).timestamp()


def end_of(text: str, param: str) -> float:
    """Return the Unix seconds at which a day ends, or a moment is; raise `InvalidRequest`."""
    moment = _moment(text, param)
    return (moment + timedelta(days=1) if _is_day(text) else moment).timestamp()


def days_between(since: float, until: float) -> list[str]:
    """Return the days (UTC) from `since` up to `until`, which is excluded."""
    day, found = datetime.fromtimestamp(since, UTC).date(), []
    while datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() < until:
        found.append(day.isoformat())
        day += timedelta(days=1)
    return found


def _moment(text: str, param: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"'{param}' must be a day such as 2026-01-31, or an ISO 8601 time.", param=param) from None
    if not 1970 <= moment.year <= 9000:
        raise InvalidRequest(f"'{param}' must be a day between the years 1970 and 9000.", param=param)
    return moment


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def day_of(text: str, param: str) -> date:
    """Return the day (UTC) of a day or moment; raise `InvalidRequest`."""
    return _moment(text, param).date()
