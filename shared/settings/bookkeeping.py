"""The sections about what is recorded of requests: events, entries, prices, logs."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.settings.section import Section


class BillingSettings(Section):
    """How completion events are stored."""

    on_stall: Literal["wait", "spool"] = "wait"
    """When JetStream does not answer: answers wait and then fail, or events go to a synced local spool."""
    stall_seconds: float = Field(5.0, gt=0)
    """How long an answer waits for JetStream."""


class LedgerSettings(Section):
    """The record of all requests."""

    retention_days: int | None = Field(None, ge=2, le=36_500)
    """Days after which a request's entry is deleted; its sums stay. For ever unless given."""


class PricingSettings(Section):
    """Prices beside the built-in table."""

    file: Path | None = None
    """Prices of the operator's, JSON or YAML, that win over the table; `docs/pricing.md` has the shape."""


class LoggingSettings(Section):
    """One way of logging for all services."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""
    format: Literal["auto", "json", "console"] = "auto"
    """`auto` is readable on a terminal and JSON elsewhere."""
    requests: bool = False
    """Write a line for each request. Without it those that failed have one, of callers' own mistakes 50 a second."""
