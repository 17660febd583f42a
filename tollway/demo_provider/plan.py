"""The bytes of an answer, in the order in which they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from tollway.demo_provider.usage import Usage


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """A stream: what opens it, one chunk for each output token, and what closes it.

    Frames that carry no token of their own ride with the chunk that follows them.
    """

    opening: bytes
    chunks: Sequence[bytes]
    closing: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer ready to be sent: `body` when it is not streamed, `stream` when it is."""

    usage: Usage
    body: bytes = b""
    stream: StreamPlan | None = None
