"""What reading a provider's stream has in common in every dialect."""

from abc import ABC, abstractmethod

from shared.errors import BrokenStream, ProviderError
from shared.pricing.usage import Usage
from shared.sse import Event, Splitter

KEPT_CHARACTERS = 64 * 1024
"""Characters of what the model wrote that are kept to be counted; the rest is taken to be like them."""


class ProviderStream(ABC):
    """Splits the stream, and keeps order when it fails: what came before a fault is given out before the fault."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.began = False
        self._ended = False
        self.written = 0
        """Characters that the model wrote."""
        self._kept = 0
        self._pieces: list[str] = []
        self._splitter = Splitter()
        self._rest = b""
        """What the last bytes of a stream without a blank line at its end mean to the client."""
        self._fault: ProviderError | None = None

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the provider's stream and return those for the client, possibly none."""
        if self._fault is not None:
            raise self._fault
        out: list[bytes] = []
        try:
            for event in self._splitter.feed(data):
                if self._ended:
                    break
                out.append(self._take(event))
        except ProviderError as fault:
            self._fault = fault
            given = b"".join(out)
            # Before the first token a head alone is worth nothing, and another deployment can still be tried.
            if not given or not self.began:
                raise
            return given
        return b"".join(out)

    def finish(self) -> None:
        """The provider's stream ended: raise what was wrong with it."""
        if self._fault is not None:
            raise self._fault
        if not self._ended:
            if self._splitter.held.lstrip().startswith(b"{"):
                self._not_a_stream(self._splitter.held)
            self._rest = b"".join([self._take(event) for event in self._splitter.end()])
        if not self._ended:
            raise BrokenStream("The provider's stream ended before its end mark.")

    def last(self, cost: float | None) -> bytes:
        """Return the client's last bytes, with the request's dollars in the usage where they are known."""
        return self._rest + self._close(cost)

    @property
    def complete(self) -> bool:
        """True once the provider's end mark came, or a fault after which nothing is worth waiting for."""
        return self._ended or self._fault is not None

    @property
    def text(self) -> str:
        """What the model wrote so far, or the beginning of it."""
        return "".join(self._pieces)

    def _wrote(self, pieces: list[str]) -> None:
        self.began = True
        size = sum(map(len, pieces))
        self.written += size
        if self._kept < KEPT_CHARACTERS:
            self._kept += size
            self._pieces += pieces

    @abstractmethod
    def _take(self, event: Event) -> bytes:
        """Read an event and return what it means to the client."""

    @abstractmethod
    def _not_a_stream(self, body: bytes) -> None:
        """Raise the error that a provider put in place of a stream, if `body` is one."""

    @abstractmethod
    def _close(self, cost: float | None) -> bytes:
        """Return what ends the client's stream."""
