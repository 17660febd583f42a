"""Reads what `shared.bus.announcements` stored: one message at a time, without a consumer that could be left behind."""

from typing import NamedTuple

import nats.errors
import nats.js.errors

from shared.bus.connection import Bus, BusUnavailable
from shared.bus.subjects import ALERT_STREAM

EVERY = ">"


class Alert(NamedTuple):
    """A fact as it was announced, and its number in the stream."""

    sequence: int
    payload: bytes


async def next_alert(bus: Bus, after: int) -> Alert | None:
    """Return the first alert beyond a number of the stream, None where there is none yet; raise `BusUnavailable`."""
    try:
        message = await bus.jetstream.get_msg(ALERT_STREAM, after + 1, EVERY, next=True)
    except nats.js.errors.NotFoundError:
        return None
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise BusUnavailable("the stream of alerts cannot be read", retry_after=1) from error
    return Alert(message.seq or 0, message.data or b"")
