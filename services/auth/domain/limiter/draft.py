"""What a call has decided so far."""

from services.auth.domain.limiter.records import (
    Admitted,
    Began,
    Charged,
    Freed,
    Loaded,
    Needed,
    Record,
    SoftReached,
    TurnResult,
)
from services.auth.domain.limiter.windows import Moment
from shared.schemas.limits import Verdict


class Draft:
    """Lists that become a record and the rest of a result."""

    __slots__ = (
        "_turned_back", "admitted", "began", "dropped", "forgotten", "loaded", "lost", "moment", "needed",
        "reached", "released", "settled", "verdicts", "waiting",
    )  # fmt: skip

    def __init__(self, moment: Moment, *, turned_back: bool = False) -> None:
        self.moment = moment
        self._turned_back = turned_back
        self.lost: list[str] = []
        self.settled: list[Charged] = []
        self.released: list[Freed] = []
        self.dropped: list[str] = []
        self.loaded: list[Loaded] = []
        self.forgotten: list[str] = []
        self.began: list[Began] = []
        self.admitted: list[Admitted] = []
        self.verdicts: list[Verdict] = []
        self.waiting: list[str] = []
        self.needed: list[Needed] = []
        self.reached: list[SoftReached] = []

    def result(self) -> TurnResult:
        """Return it as a whole."""
        record = Record(
            self.moment.now,
            tuple(self.lost),
            tuple(self.settled),
            tuple(self.released),
            tuple(self.dropped),
            tuple(self.loaded),
            tuple(self.forgotten),
            tuple(self.began),
            tuple(self.admitted),
            self._turned_back,
        )
        return TurnResult(record, self.verdicts, self.waiting, self.needed, self.reached)
