"""Billing's part of the event plane as an AsyncAPI document."""

from shared.bus import subjects
from shared.bus.event_broker import describe


def asyncapi(version: str) -> str:
    """Return the document as JSON, as FastStream describes the consumer."""
    return describe(
        "Tollway billing", version, subjects.EVENT_STREAM, subjects.COMPLETION_FINISHED, subjects.LEDGER_CONSUMER
    )
