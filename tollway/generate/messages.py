"""A JSON Schema for every message that crosses the bus, from its type."""

from typing import Any

import msgspec

from shared.schemas import context, control, events, frames, limits

MESSAGES: tuple[type[msgspec.Struct], ...] = (
    context.RequestContext,
    frames.FrameHeader,
    frames.Bundle,
    frames.Holds,
    frames.Grants,
    frames.BodyRequest,
    frames.BodyPiece,
    control.Beat,
    control.Cancel,
    control.Change,
    control.Clock,
    control.Exposition,
    limits.Turn,
    limits.TurnAnswered,
    events.CompletionsFinished,
    events.SoftBudgetReached,
)
"""The types that are a whole message or the head of one; what they hold is described with them."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def message_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by the messages' names."""
    return {message.__name__: message_schema(message) for message in MESSAGES}


def message_schema(message: type[msgspec.Struct]) -> dict[str, Any]:
    """Return one message's schema, everything that it refers to under `$defs`."""
    return {"$schema": DIALECT, "title": message.__name__, **msgspec.json.schema(message)}
