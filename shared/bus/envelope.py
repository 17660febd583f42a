"""A message is one line of JSON, a newline and bytes as they came.

JSON never holds a raw newline, so nothing has to be escaped or measured, and `nats sub` shows a readable
line.
It costs less than NATS headers (docs/adr/0001-request-plane.md).
"""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_encode = msgspec.json.Encoder().encode


class BadEnvelope(ValueError):
    """The message is not a line of the expected JSON followed by bytes."""


def join(head: msgspec.Struct, data: bytes = b"") -> bytes:
    """Return the message that carries `head` and `data`."""
    return b"%b\n%b" % (_encode(head), data)


class Envelope(Generic[T]):
    """Splits messages whose head is of one type."""

    def __init__(self, head: type[T]) -> None:
        self._decode = msgspec.json.Decoder(head).decode

    def split(self, message: bytes) -> tuple[T, bytes]:
        """Return head and data; raise `BadEnvelope` when the message is neither."""
        end = message.find(b"\n")
        if end < 0:
            raise BadEnvelope("no newline after the head")
        try:
            return self._decode(message[:end]), message[end + 1 :]
        except msgspec.MsgspecError as error:
            raise BadEnvelope(str(error)) from error
