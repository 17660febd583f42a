"""Server-sent events: bytes in, events out."""

from shared.sse.splitter import MAX_EVENT_BYTES, Event, Splitter

__all__ = ["MAX_EVENT_BYTES", "Event", "Splitter"]
