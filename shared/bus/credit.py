"""Flow control of a lane, as pure arithmetic: bytes sent against a running total of bytes granted."""

from collections.abc import Iterator
from dataclasses import dataclass

FRAME_BYTES = 128 * 1024
"""A frame's data; larger pieces are split. Well under the broker's message limit of 1 MiB."""

ANSWER_WINDOW = 64 * 1024
"""Bytes that a reader holds at most for one answer; a slow client costs no more than this."""

WINDOWS_TOGETHER = 4 * 1024 * 1024
"""Bytes that the windows of one process' answers come to at most, while each has more than `LEAST_WINDOW`: what
stands between it and the broker must be read within a beat or two."""

LEAST_WINDOW = 8 * 1024

LEAST_PIECE = 4 * 1024
"""A frame may overdraw what is left of its credit by less than this."""

TRANSFER_WINDOW = 1024 * 1024
"""The window of a pass-through transfer among few, large enough for 200 MB/s at a few milliseconds a round trip."""


def answer_window(lanes: int, most: int = ANSWER_WINDOW) -> int:
    """Return the window of one more answer, at most `most` bytes, for a process that reads so many lanes."""
    return max(LEAST_WINDOW, min(most, WINDOWS_TOGETHER // (lanes + 1)))


@dataclass(slots=True)
class Allowance:
    """The producer's side: how much may still be sent.

    Totals only grow, so a grant that is repeated, late or overtaken by a later one changes nothing.
    """

    granted: int
    sent: int = 0

    def grant(self, total: int) -> bool:
        """Take a running total; tell whether it allows more than before."""
        if total <= self.granted:
            return False
        self.granted = total
        return True

    def spend(self, size: int) -> None:
        """Count bytes as sent."""
        self.sent += size

    @property
    def exhausted(self) -> bool:
        """True when nothing may be sent."""
        return self.sent >= self.granted

    def cut(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what of the data the next frame may carry, and the rest."""
        size = max(LEAST_PIECE, min(FRAME_BYTES, self.granted - self.sent))
        return data[:size], data[size:]


@dataclass(slots=True)
class Window:
    """The reader's side: how far the producer may go."""

    size: int
    consumed: int = 0
    granted: int = 0

    def __post_init__(self) -> None:
        self.granted = max(self.granted, self.size)

    def consume(self, size: int) -> int | None:
        """Count bytes that the client took; return a new total to grant, once half the window is free."""
        self.consumed += size
        if self.granted - self.consumed > self.size // 2:
            return None
        self.granted = self.consumed + self.size
        return self.granted


def split(data: bytes, size: int = FRAME_BYTES) -> Iterator[bytes]:
    """Cut data into pieces of at most `size` bytes, each when it is asked for; empty data is one piece."""
    if len(data) <= size:
        yield data
        return
    for start in range(0, len(data), size):
        yield data[start : start + size]
