"""The bytes of an answer, in the order in which they are sent."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tollway.demo_provider.usage import Usage

Item = TypeVar("Item")


class Chunks(Generic[Item]):
    """Chunks that are put together only when they are sent, so that a long stream costs little memory."""

    def __init__(self, items: Sequence[Item], render: Callable[[Item], bytes]) -> None:
        self._items = items
        self._render = render

    def __len__(self) -> int:
        """Return how many chunks there are."""
        return len(self._items)

    def __iter__(self) -> Iterator[bytes]:
        """Put one chunk after the other together."""
        return map(self._render, self._items)

    def part(self, start: int, end: int | None = None) -> "Chunks[Item]":
        """Return the chunks from `start` up to `end`."""
        return Chunks(self._items[start:end], self._render)

    def joined(self) -> bytes:
        """Return all chunks as one."""
        return b"".join(self)


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """A stream: what opens it, one chunk for each output token, and what closes it.

    Frames that carry no token of their own ride with the chunk that follows them.
    """

    opening: bytes
    chunks: Chunks[Any]
    closing: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer ready to be sent: `body` when it is not streamed, `stream` when it is."""

    usage: Usage
    body: bytes = b""
    stream: StreamPlan | None = None
