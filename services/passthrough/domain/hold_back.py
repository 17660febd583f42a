"""Which bytes of an answer wait until its completion event is stored."""


class HoldBack:
    """Holds the bytes that would make an answer complete in its reader's eyes; everything else goes at once.

    These are the bytes that reach the declared length, or a stream's closing event. Without either, the end
    of the answer is a message of its own and nothing has to be held.
    """

    def __init__(self, length: int | None) -> None:
        self._left = length
        self._held = b""

    def take(self, data: bytes, *, closing: bool = False) -> bytes:
        """Return what may be sent now; `closing` says that `data` holds the stream's closing event."""
        ready, self._held = self._held + data, b""
        if self._left is not None:
            self._left -= len(data)
            closing = closing or self._left <= 0
        if closing:
            ready, self._held = b"", ready
        return ready

    @property
    def rest(self) -> bytes:
        """What was held back."""
        return self._held
