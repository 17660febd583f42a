"""One auth worker's place in the election: it follows the journal, and takes over when the active one falls silent.

The journal elects: who appends a claim right behind the last entry is the active one, and whoever was it finds its
next entry refused. There is no lease beside it that could disagree.
"""

import asyncio
import contextlib
import functools
import os
import random
import time
from collections.abc import Callable

import structlog

from services.auth.domain.limiter import Limiter
from services.auth.limiter.announcing import Announcing
from services.auth.limiter.entries import Entry, encode_entry
from services.auth.limiter.owners import Owners
from services.auth.limiter.readings import Readings, Spending
from services.auth.limiter.replica import Replica
from services.auth.limiter.snapshots import SNAPSHOT_ENTRIES, SnapshotWriting
from services.auth.limiter.tally import Tally
from services.auth.limiter.turns import Turns
from shared.bus.announcements import Announcements
from shared.bus.backlog import written
from shared.bus.journal_reader import JournalReader
from shared.bus.journal_writer import JournalWriter, cut
from shared.bus.limit_door import LimiterDoor
from shared.bus.limits import LimiterClient
from shared.bus.worker import Worker
from shared.schemas.limits import Turn
from shared.telemetry import families
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

SILENCE_SECONDS = 1.1
"""Without an entry for so long, three beats of the active one, somebody else takes over."""

JITTER_SECONDS = 0.2
"""Stand-bys claim up to so much later, so that they do not all do it at once."""

LOOK_SECONDS = 0.1

LEAVE_SECONDS = 1.0
"""How long a stopping process waits for its last entry to be stored."""


class Seat:
    """Stand-by or active, as long as the process lives."""

    def __init__(
        self,
        worker: Worker,
        make: Callable[[], Limiter],
        ledger: Spending,
        tally: Tally,
        *,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> None:
        self._worker = worker
        self._tally = tally
        self._snapshot_entries = snapshot_entries
        self._make = make
        self._replica = Replica(make)
        self._reader = JournalReader(worker.bus, on_entry=self._replica.take, on_restart=self._replica.restart)
        self._writer = JournalWriter(worker.bus, worker.alarms, deposed=self._refused)
        self._door = LimiterDoor(worker.bus, self._take)
        self._owners = Owners(worker)
        self._readings = Readings(ledger, lambda: written(worker.bus), self._soon)
        self._announcements = Announcements(worker.bus, worker.metrics)
        self._turns: Turns | None = None
        self._changed = asyncio.Event()
        self._cutting: asyncio.Task[bool] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Follow the journal, and stand for election."""
        await self._writer.start()
        self._observe(self._worker.metrics)
        self._task = asyncio.create_task(self._live())

    async def close(self) -> None:
        """Give up the seat, so that somebody else takes it at once."""
        for task in (self._task, self._cutting):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if self._turns is not None:
            await self._leave(self._turns)
        await self._door.close()
        await self._readings.close()
        await self._announcements.close()
        await self._reader.close()
        await self._writer.close()

    def serve(self, client: LimiterClient) -> None:
        """Take what this process itself asks by the short way, whenever the active limiter is here."""
        client.here = self._take_here
        self._door.neighbours[self._worker.address] = client.take

    @property
    def limiter(self) -> Limiter | None:
        """The tables, as far as this process knows them."""
        return self._turns.limiter if self._turns is not None else self._replica.limiter

    @property
    def active(self) -> bool:
        """True while this process decides, as far as it knows."""
        return self._turns is not None

    def _observe(self, metrics: Metrics) -> None:
        metrics.watch(families.LIMIT_ACTIVE, lambda: self.active)
        metrics.watch(families.LIMIT_TAKEOVERS, lambda: self._tally.takeovers)
        metrics.watch(families.LIMIT_SNAPSHOTS, lambda: self._tally.snapshots)
        metrics.watch(families.LIMIT_READINGS, lambda: len(self._readings))
        for table in Limiter().sizes():
            metrics.watch(families.LIMIT_STATE, functools.partial(self._size, table), table)

    def _size(self, table: str) -> int:
        limiter = self.limiter
        return limiter.sizes()[table] if limiter is not None else 0

    async def _live(self) -> None:
        while True:
            await self._stand_by()
            await self._door.open()
            await self._decide()
            await self._door.close()

    async def _stand_by(self) -> None:
        """Follow whoever is the active one, until it falls silent and nobody else takes its place."""
        patience = SILENCE_SECONDS + random.uniform(0, JITTER_SECONDS)  # noqa: S311 - jitter, no secret
        self._reader.start()
        while self._turns is None:
            if not self._writer.busy and self._silent(patience):
                self._claim()
            await self._pause()
        await self._reader.close()

    async def _decide(self) -> None:
        """Be the active one, until somebody else is."""
        while self._turns is not None:
            self._turns.look()
            await self._pause()

    async def _pause(self) -> None:
        """Wait a little, or until this process becomes the active one or is deposed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._changed.wait()
        self._changed.clear()

    def _silent(self, patience: float) -> bool:
        """Tell whether it is time to claim: everything was read, and nobody is there to write more."""
        reader = self._reader
        if not (reader.caught_up and reader.hearing):
            return False
        quiet = time.monotonic() - reader.entry_heard
        return quiet >= (patience - SILENCE_SECONDS if self._replica.vacant else patience)

    def _claim(self) -> None:
        """Stand for election behind the last entry that was read."""
        known = self._replica.limiter
        entry = Entry(self._replica.epoch + 1, claim=self._worker.id, fresh=known is None)
        limiter = self._make() if known is None else known
        self._writer.append(
            encode_entry(entry), self._reader.position, lambda sequence: self._begin(limiter, entry.epoch, sequence)
        )

    def _begin(self, limiter: Limiter, epoch: int, sequence: int) -> None:
        """Be the active one from here on."""
        log.warning("limiter.took_over", epoch=epoch, sequence=sequence, pid=os.getpid())
        self._tally.takeovers += 1
        # From here on the tables are changed by turns alone; what the reader still hears is in them.
        self._replica.restart()
        self._turns = Turns(
            limiter,
            epoch,
            sequence,
            SnapshotWriting(self._reader.read, self._snapshot_entries),
            writer=self._writer,
            door=self._door,
            readings=self._readings,
            owners=self._owners,
            tally=self._tally,
            announcing=Announcing(self._announcements, self._tally),
            cut=self._cut,
            broken=self._step_down,
        )
        self._changed.set()

    def _refused(self) -> None:
        """Somebody else wrote: a claim came too late, or this process is the active one no more."""
        if self._turns is not None:
            self._step_down()

    def _step_down(self) -> None:
        """Forget the tables, and answer nobody."""
        log.warning("limiter.deposed", pid=os.getpid())
        if self._turns is not None:
            self._turns.close()
        self._turns = None
        self._changed.set()

    async def _leave(self, turns: Turns) -> None:
        """Write that the seat is free, behind whatever is on its way."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                turns.close()
                await self._idle()
                if self._turns is turns:
                    self._writer.append(encode_entry(turns.farewell()), turns.last, lambda _: None)
                await self._idle()

    async def _idle(self) -> None:
        while self._writer.busy:  # noqa: ASYNC110 - what it waits for has a callback of its own
            await asyncio.sleep(0.01)

    def _take(self, turn: Turn) -> None:
        if self._turns is not None:
            self._turns.take(turn)

    def _take_here(self, turn: Turn) -> bool:
        if self._turns is None:
            return False
        self._turns.take(turn)
        return True

    def _soon(self) -> None:
        if self._turns is not None:
            self._turns.soon()

    def _cut(self, before: int) -> None:
        self._cutting = asyncio.ensure_future(cut(self._worker.bus, before))
