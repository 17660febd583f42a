"""Requests that are over, remembered for a while: what is said of them again changes nothing twice."""

from collections.abc import Iterable

REMEMBERED = 120.0
"""Seconds that an id is remembered at least, up to twice as long; less where `MOST` come sooner."""

MOST = 131_072
"""Ids of one generation: there are two, so up to twice as many are remembered."""


class Ended:
    """Ids in two generations: the older one is forgotten as a whole."""

    __slots__ = ("began", "old", "young")

    def __init__(self) -> None:
        self.young: dict[str, bool] = {}
        self.old: dict[str, bool] = {}
        self.began = 0.0
        """When the young generation began."""

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def __contains__(self, id: str) -> bool:
        return id in self.young or id in self.old

    def settled(self, id: str) -> bool:
        """Tell whether this request is over and its real use was counted."""
        return self.young.get(id) or self.old.get(id) or False

    def add(self, id: str, settled: bool, now: float) -> None:
        """Remember a request."""
        if now - self.began >= REMEMBERED or len(self.young) >= MOST:
            self.old, self.young, self.began = self.young, {}, now
        self.young[id] = settled

    def restore(self, ids: Iterable[tuple[str, bool, bool]]) -> None:
        """Take in remembered ids: whether each is settled, and whether it is young."""
        for id, settled, young in ids:
            (self.young if young else self.old)[id] = settled
