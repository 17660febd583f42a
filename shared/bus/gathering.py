"""Frames of many streams to the same reader leave as one message, where there are many streams.

A message costs the broker and both ends some twenty microseconds whatever is in it, a frame in a bundle one or two.
A few streams gain nothing, so their frames leave at once (docs/adr/0009-gathered-frames.md).
"""

import asyncio
from collections.abc import Callable

import structlog

from shared.bus import subjects
from shared.bus.envelope import join
from shared.errors import Unavailable
from shared.schemas.frames import Bundle

log = structlog.get_logger(__name__)

BUSY_LANES = 64
"""Open lanes of a process from which on it gathers."""

WINDOW_SECONDS = 0.002
"""How long a frame waits for others at most."""

BUNDLE_BYTES = 128 * 1024
"""Bytes of data after which a bundle leaves before its time."""


class Gathering:
    """The bundles of one process, by reader."""

    def __init__(self, publish: Callable[[str, bytes], None]) -> None:
        self._publish = publish
        self._bundles: dict[str, tuple[list[tuple[str, int, int]], list[bytes]]] = {}
        self._sizes: dict[str, int] = {}
        self._waiting = False

    def add(self, reader: str, token: str, number: int, data: bytes) -> None:
        """Put a frame that is nothing but data into the reader's bundle."""
        frames, pieces = self._bundles.setdefault(reader, ([], []))
        frames.append((token, number, len(data)))
        pieces.append(data)
        size = self._sizes.get(reader, 0) + len(data)
        self._sizes[reader] = size
        if size >= BUNDLE_BYTES:
            self.send(reader)
        elif not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(WINDOW_SECONDS, self._send_all)

    def send(self, reader: str) -> None:
        """Send what was gathered for a reader, before anything else is said to it; raises `Unavailable`."""
        bundle = self._bundles.pop(reader, None)
        if bundle is not None:
            del self._sizes[reader]
            frames, pieces = bundle
            self._publish(f"{reader}.{subjects.FRAMES}", join(Bundle(frames), b"".join(pieces)))

    def _send_all(self) -> None:
        self._waiting = False
        for reader in list(self._bundles):
            try:
                self.send(reader)
            except Unavailable as error:
                # The readers see the gap and end these answers with an error.
                log.warning("bus.frames_lost", reader=reader, error=error.message)
