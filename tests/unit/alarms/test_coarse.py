"""Alarms that are looked at together."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from shared.alarms import Alarms

Eventually = Callable[..., Any]


async def test_an_alarm_rings_once_and_never_early(eventually: Eventually) -> None:
    """It rings after its time, and is quiet from then on until it is set anew."""
    alarms, rung = Alarms(), []
    due = time.monotonic() + 0.12
    alarm = alarms.add(due, lambda: rung.append(time.monotonic()))
    await eventually(lambda: bool(rung))
    assert rung[0] >= due
    alarm.when = time.monotonic() + 0.06
    await eventually(lambda: len(rung) == 2)
    alarms.drop(alarm)
    assert len(alarms) == 0


async def test_a_moved_or_dropped_alarm_does_not_ring(eventually: Eventually) -> None:
    """What is put off waits on, what is dropped is forgotten."""
    alarms, rung = Alarms(), []
    put_off = alarms.add(time.monotonic() + 0.05, lambda: rung.append("put off"))
    dropped = alarms.add(time.monotonic() + 0.05, lambda: rung.append("dropped"))
    alarms.add(time.monotonic() + 0.15, lambda: rung.append("last"))
    put_off.when = time.monotonic() + 60
    alarms.drop(dropped)
    await eventually(lambda: "last" in rung)
    assert rung == ["last"]


async def test_nothing_is_looked_at_when_there_is_no_alarm(eventually: Eventually) -> None:
    """An idle process sleeps; the next alarm wakes it."""
    alarms, rung = Alarms(), []
    alarms.drop(alarms.add(time.monotonic() + 60, lambda: None))
    await eventually(lambda: not alarms._looking)
    alarms.add(time.monotonic(), lambda: rung.append(1))
    await eventually(lambda: rung == [1])
    await asyncio.sleep(0)
