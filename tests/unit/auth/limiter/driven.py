"""A limiter with a clock that the test turns, and a stand-by that hears every record by wire."""

import msgspec

from services.auth.domain.limiter import Limiter, Needed, Record, TurnResult
from services.auth.domain.limiter.records import SoftReached
from shared.schemas.limits import Ask, Quota, Refusal, Released, Settled, Verdict

START = 1_800_000_000.0
"""A whole minute."""

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Record).decode


class Driven:
    """One active limiter, driven step by step."""

    def __init__(self, window: str = "sliding") -> None:
        self.now = START
        self.limiter = Limiter(window)  # type: ignore[arg-type]
        self.standby = Limiter(window)  # type: ignore[arg-type]
        self.verdicts: dict[str, Verdict] = {}
        self.needed: list[Needed] = []
        self.reached: list[SoftReached] = []
        self.records: list[bytes] = []
        self._count = 0

    def ask(
        self,
        *quotas: Quota,
        id: str = "",
        tokens: int = 0,
        cost: int = 0,
        owner: str = "edge.1",
        wait: float = 0.0,
        tenant: str = "",
        lasts: float = 600.0,
    ) -> Ask:
        """Return a question; each has an id of its own unless the test names one."""
        self._count += 1
        id = id or f"r{self._count}"
        return Ask(id, owner, self.now + lasts, quotas, tokens, cost, wait, tenant)

    def turn(self, *items: Ask | Settled | Released) -> TurnResult:
        """Let a turn happen with what is given."""
        return self.heard(
            self.limiter.turn(
                [item for item in items if isinstance(item, Ask)],
                [item for item in items if isinstance(item, Settled)],
                [item for item in items if isinstance(item, Released)],
                self.now,
            )
        )

    def heard(self, result: TurnResult) -> TurnResult:
        """Note what came out, and let the stand-by follow."""
        self.verdicts |= {verdict.id: verdict for verdict in result.verdicts}
        self.needed += result.needed
        self.reached += result.reached
        if not result.record.empty:
            self.records.append(encode(result.record))
            self.standby.apply(decode(self.records[-1]))
        return result

    def try_(self, ask: Ask) -> Refusal | None:
        """Ask, and return why not; None when admitted. It must be decided at once."""
        self.turn(ask)
        return self.verdicts[ask.id].refusal

    def passes(self, ask: Ask) -> bool:
        """Ask, and tell whether it was admitted at once."""
        return self.try_(ask) is None

    def end(self, ask: Ask, tokens: int = 0, cost: int = 0) -> None:
        """Let a request end with its real use."""
        self.turn(Settled(ask.id, tokens, cost), Released(ask.id, True))

    def load(self, scope: str, spent: int = 0, since: float = 0.0) -> TurnResult:
        """Answer a reading of the ledger."""
        return self.heard(self.limiter.load(scope, since, spent, self.now))

    def tick(self, seconds: float = 0.0) -> TurnResult:
        """Let time pass, and the limiter notice."""
        self.now += seconds
        return self.heard(self.limiter.tick(self.now))

    def sleep(self, seconds: float) -> None:
        """Let time pass unnoticed."""
        self.now += seconds


def picture(limiter: Limiter, now: float) -> dict[str, object]:
    """Return everything that is replicated, in an order of its own, for comparison at one moment."""
    limiter.apply(Record(now))
    pieces = list(limiter.snapshot())
    return {
        "scopes": {scope.text: scope for piece in pieces for scope in piece.scopes},
        "holds": {hold.id: hold for piece in pieces for hold in piece.holds},
        "ended": {entry for piece in pieces for entry in piece.ended},
        "stray": pieces[0].stray,
        "began": pieces[0].ended_began,
    }
