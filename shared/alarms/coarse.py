"""Alarms that are looked at together, a few times a second.

A timer of the event loop costs two microseconds to set and drop again, several times in each request. An alarm
costs a number; it rings up to `RESOLUTION` late, and never early.
"""

import asyncio
import time
from collections.abc import Callable

RESOLUTION = 0.05
"""Seconds between two looks at all alarms."""

NEVER = float("inf")


def _silent() -> None:
    return None


class Alarm:
    """Rings once its time has come; set `when` anew at any time, `NEVER` keeps it quiet."""

    __slots__ = ("ring", "when")

    def __init__(self, when: float, ring: Callable[[], None]) -> None:
        self.when = when
        """Monotonic seconds."""
        self.ring = ring


class Alarms:
    """All alarms of a process. It looks only while there are any."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._alarms: set[Alarm] = set()
        self._looking = False

    def __len__(self) -> int:
        return len(self._alarms)

    def add(self, when: float, ring: Callable[[], None]) -> Alarm:
        """Have `ring` called at `when` (monotonic seconds) unless the alarm is moved or dropped."""
        alarm = Alarm(when, ring)
        self._alarms.add(alarm)
        if not self._looking:
            self._looking = True
            self._loop.call_later(RESOLUTION, self._look)
        return alarm

    def drop(self, alarm: Alarm) -> None:
        """Forget an alarm; it holds on to nobody from then on."""
        self._alarms.discard(alarm)
        # Its owner holds it, too: a cycle would keep both until the garbage collector looks.
        alarm.ring = _silent

    def _look(self) -> None:
        now = time.monotonic()
        for alarm in [alarm for alarm in self._alarms if alarm.when <= now]:
            alarm.when = NEVER
            alarm.ring()
        self._looking = bool(self._alarms)
        if self._looking:
            self._loop.call_later(RESOLUTION, self._look)
