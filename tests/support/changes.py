"""A record of changes without a database behind it."""

from shared.schemas.control import Change


class Record:
    """A store's record of changes, in memory."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.asked = 0

    async def latest(self) -> int:
        """Return the number of the last change."""
        return len(self.changes)

    async def since(self, number: int) -> list[Change]:
        """Return the changes after that number."""
        self.asked += 1
        return self.changes[number:]
