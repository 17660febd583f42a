"""The periods of budgets: when they begin and end, by the calendar of a time zone."""

from shared.periods.period import FOREVER, period

__all__ = ["FOREVER", "period"]
