"""Which time a spend route is asked about: moments for entries, days (UTC) for sums."""

import base64
import binascii
import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from services.admin.domain.fields import Fields
from services.admin.domain.times import begin_of, day_of, end_of
from shared.errors import InvalidRequest

MOST_DAYS = 366
USUAL_DAYS = 30
"""Days of a report that is asked for no time, today included; LiteLLM's reports are of so many."""

MOST_OFFSET = 14 * 60 + 1
"""Minutes between a time zone and UTC, and one more."""

Mark = tuple[float, str]


class Window(NamedTuple):
    """A span of time in Unix seconds; `until` is excluded."""

    since: float
    until: float
    dated: bool
    """True when both ends were given."""

    @property
    def is_whole_days(self) -> bool:
        """True when it begins and ends with days (UTC), so that sums by day cover it."""
        return self.since % 86_400 == 0 and self.until % 86_400 == 0


class Days(NamedTuple):
    """Days (UTC), as `YYYY-MM-DD`, both included."""

    first: str
    last: str


def read_window(fields: Fields, now: float) -> Window:
    """Return the window of `start_date` and `end_date`; raise `InvalidRequest`."""
    begin, end = fields.text("start_date"), fields.text("end_date")
    since = begin_of(begin, "start_date") if begin else 0.0
    until = end_of(end, "end_date") if end else math.nextafter(now + 60, math.inf)
    if until < since:
        raise InvalidRequest("'end_date' must not be before 'start_date'.", param="end_date")
    if begin and end and until - since > MOST_DAYS * 86_400:
        raise InvalidRequest(f"A window covers at most {MOST_DAYS} days.", param="end_date")
    return Window(since, until, bool(begin and end))


def read_days(fields: Fields, now: float, *, needed: bool = False) -> Days:
    """Return the days of `start_date` and `end_date`, or the last thirty; raise `InvalidRequest`.

    `timezone` is the caller's distance to UTC in minutes, negative east of it, as JavaScript and LiteLLM count. Sums
    are by days of UTC, so the days that overlap the caller's are all there.
    """
    begin, end = fields.text("start_date"), fields.text("end_date")
    if needed and not (begin and end):
        raise InvalidRequest(
            "'start_date' and 'end_date' are needed.", param="end_date" if begin else "start_date"
        )  # fmt: skip
    last = day_of(end, "end_date") if end else datetime.fromtimestamp(now, UTC).date()
    first = day_of(begin, "start_date") if begin else last - timedelta(days=USUAL_DAYS - 1)
    if last < first:
        raise InvalidRequest("'end_date' must not be before 'start_date'.", param="end_date")
    if (last - first).days >= MOST_DAYS:
        raise InvalidRequest(f"A report covers at most {MOST_DAYS} days.", param="end_date")
    offset = _offset(fields)
    if offset > 0:
        last += timedelta(days=1)
    elif offset < 0:
        first -= timedelta(days=1)
    return Days(first.isoformat(), last.isoformat())


def _offset(fields: Fields) -> int:
    text = fields.text("timezone")
    if not text:
        return 0
    try:
        offset = int(text)
    except ValueError:
        fields.wrong("timezone", "must be minutes, such as -120 for UTC+2")
    if abs(offset) >= MOST_OFFSET:
        fields.wrong("timezone", "must be minutes, such as -120 for UTC+2")
    return offset


def cursor_of(mark: Mark) -> str:
    """Return where a page ended as an opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(mark)).decode().rstrip("=")


def read_cursor(fields: Fields) -> Mark | None:
    """Return where the page before ended; raise `InvalidRequest` for what no answer gave."""
    text = fields.text("cursor", longest=1024)
    if not text:
        return None
    try:
        mark: Mark = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Mark)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        fields.wrong("cursor", "is not one that an answer gave")
    return mark
