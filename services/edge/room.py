"""Memory for the bodies of requests in flight: each has a bound, and so have all of them together."""

from shared.errors import Overloaded


class Room:
    """Counts the bytes of large bodies that this edge holds, whoever sent them: a key is looked at later."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.held = 0

    def take(self, size: int) -> int:
        """Count bytes that arrived and return their number; raise `Overloaded` where there is no room for them."""
        if self.held + size > self._size:
            raise Overloaded("the gateway holds as many large bodies as it can; try again shortly", retry_after=1)
        self.held += size
        return size

    def give_back(self, size: int) -> None:
        """Let go of bytes when their request has ended."""
        self.held -= size
