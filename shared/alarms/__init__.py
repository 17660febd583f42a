"""Time-outs for what is waited for by the thousand and hardly ever late."""

from shared.alarms.coarse import NEVER, RESOLUTION, Alarm, Alarms

__all__ = ["NEVER", "RESOLUTION", "Alarm", "Alarms"]
