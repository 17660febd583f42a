"""The active limiter's turns: what came is decided, journaled, and only then answered.

One entry of the journal is on its way at a time. Everything that comes meanwhile is the next one (group commit), so
that the journal costs little where there is much to decide.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog

from services.auth.domain.limiter import Limiter
from services.auth.domain.limiter.draft import Draft
from services.auth.domain.limiter.guarding import Step
from services.auth.domain.limiter.records import Record, SoftReached, TurnResult
from services.auth.limiter.announcing import Announcing
from services.auth.limiter.batch import Answers, Batch
from services.auth.limiter.entries import Entry, encode_entry
from services.auth.limiter.owners import Owners
from services.auth.limiter.readings import Readings
from services.auth.limiter.snapshots import SnapshotWriting
from services.auth.limiter.tally import Tally
from shared.bus.journal_writer import JournalWriter
from shared.bus.limit_door import LimiterDoor
from shared.schemas.limits import Ask, Turn

log = structlog.get_logger(__name__)

BEAT_SECONDS = 0.4
"""Without anything to decide an entry is written so often, so that stand-bys know that somebody is there."""

NEWS_SECONDS = 0.01
"""How long settlements and releases wait for a question to be journaled with: an entry of their own would stand in
the way of the caller's next one."""


class Turns:
    """Decides for the whole cluster, until somebody else writes to the journal, or `broken` is called."""

    def __init__(
        self,
        limiter: Limiter,
        epoch: int,
        last: int,
        snapshot: SnapshotWriting,
        *,
        writer: JournalWriter,
        door: LimiterDoor,
        readings: Readings,
        owners: Owners,
        tally: Tally,
        announcing: Announcing,
        cut: Callable[[int], None],
        broken: Callable[[], None],
    ) -> None:
        self.limiter = limiter
        limiter.guard(self._guarded)
        self._epoch = epoch
        self.last = last
        """The sequence number of the last entry."""
        self._writer = writer
        self._door = door
        self._readings = readings
        self._owners = owners
        self._tally = tally
        self._announcing = announcing
        self._cut = cut
        self._broken = broken
        self._waiting: deque[Turn] = deque()
        self._answers = Answers()
        self._batch = Batch()
        self._reached: list[SoftReached] = []
        self._scheduled = False
        self._asked = False
        self._later: asyncio.TimerHandle | None = None
        self._closed = False
        self._wrote = time.monotonic()
        self._snapshot = snapshot

    def close(self) -> None:
        """Decide nothing more, and answer nobody."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()

    def farewell(self) -> Entry:
        """Return the entry that frees the seat."""
        return Entry(self._epoch, left=True)

    def take(self, turn: Turn) -> None:
        """Take what a process has."""
        self._waiting.append(turn)
        if turn.asks:
            self._asked = True
            self.soon()
        else:
            self._soon_enough()

    def soon(self) -> None:
        """Have a turn as soon as the journal is free, with everything that came until then."""
        if not self._scheduled and not self._writer.busy:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._decide)

    def _soon_enough(self) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(NEWS_SECONDS, self._now)

    def _now(self) -> None:
        self._later = None
        self.soon()

    def look(self) -> None:
        """Once in a while: whose time is over, who died, and is the last entry too old?"""
        for sender, answers in self._answers.rest() if not self._writer.busy else ():
            self._door.answer(sender, answers)
        if not self._writer.busy and not self._closed:
            self._decide(looking=True)

    def _decide(self, *, looking: bool = False) -> None:
        self._scheduled = False
        if self._closed or self._writer.busy:
            return
        try:
            self._have_turn(looking=looking)
        except Exception:
            # The tables may be half changed: whoever is the active one next has the journal's. What this turn was
            # about must not come to it again.
            log.exception("limiter.fault")
            self._give_up(self._batch)
            self._broken()

    def _guarded(self, step: Step, ask: Ask, patience: float, draft: Draft, line: str) -> bool | None:
        """Take a step of deciding a question; one that fails, and has changed nothing, fails for nobody else."""
        try:
            return step(ask, patience, draft, line)
        except Exception:
            if not self.limiter.intact:
                raise
            log.exception("limiter.question_failed", request_id=ask.id)
            return None

    def _give_up(self, batch: Batch) -> None:
        """Tell everybody that this turn came to nothing, so that they do not send it to the next limiter.

        Nothing of it is in the journal. What was used is told by billing again, and slots end with their deadline.
        """
        answers = Answers()
        answers.expect(batch)
        answers.fail([*batch.asks, *batch.unsound])
        for sender, told in [*answers.urgent(), *answers.rest()]:
            self._door.answer(sender, told)

    def _have_turn(self, *, looking: bool) -> None:
        self._batch = batch = Batch.take(self._waiting)
        self._asked = any(turn.asks for turn in self._waiting)
        # A snapshot is of the tables as the journal has them now, before this turn.
        drawing = self._snapshot.begin_if_due(self.limiter, self.last)
        records = self._decided(batch, looking=looking)
        beat = time.monotonic() - self._wrote >= BEAT_SECONDS
        if records or batch.turns or self._answers.waiting or drawing or beat:
            payload = encode_entry(self._snapshot.with_piece(Entry(self._epoch, tuple(records))))
            self._snapshot.count(len(payload))
            self._writer.append(payload, self.last, self._stored)

    def _decided(self, batch: Batch, *, looking: bool) -> list[Record]:
        """Change the tables; what is to be said about it waits in `_answers`."""
        now = time.time()
        limiter = self.limiter
        results: list[TurnResult] = []
        if looking:
            results += [limiter.lost(owner, now) for owner in self._owners.lost(limiter.owners)]
            results.append(limiter.tick(now))
        results += [limiter.load(read.scope, read.since, read.spent, now) for read in self._readings.take()]
        if batch.turns:
            self._answers.expect(batch)
            if batch.unsound:
                log.error("limiter.unsound_questions", number=len(batch.unsound), senders=batch.senders)
                self._answers.fail(batch.unsound)
            results.append(limiter.turn(batch.asks, batch.settled, batch.released, now))
        for result in results:
            self._answers.add(result.verdicts)
            self._tally.decided(result.verdicts)
            self._readings.want(result.needed)
            self._reached += result.reached
        return [result.record for result in results if not result.record.empty]

    def _stored(self, sequence: int) -> None:
        self.last, self._wrote = sequence, time.monotonic()
        self._tally.journaled(self._writer.seconds)
        if self._closed:
            return
        for sender, answers in self._answers.urgent():
            self._door.answer(sender, answers)
        if self._reached:
            reached, self._reached = self._reached, []
            self._announcing.tell(reached)
        if (done := self._snapshot.stored()) is not None:
            self._tally.snapshots += 1
            self._cut(done)
        if self._asked or self._snapshot.drawing:
            self._decide()
        elif self._waiting:
            self._soon_enough()
