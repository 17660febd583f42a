"""What is dropped is given back at once."""

import gc
import weakref

from shared.alarms import NEVER, Alarms


class Owner:
    """Holds an alarm that calls it."""

    def __init__(self, alarms: Alarms) -> None:
        self.alarm = alarms.add(NEVER, self.wake)

    def wake(self) -> None:
        """Ring."""


async def test_a_dropped_alarm_does_not_hold_its_owner() -> None:
    """Each request has one: its memory is free when it ends, not when the garbage collector looks."""
    alarms = Alarms()
    owner = Owner(alarms)
    gone = weakref.ref(owner)
    gc.disable()
    try:
        alarms.drop(owner.alarm)
        del owner
        assert gone() is None
    finally:
        gc.enable()
