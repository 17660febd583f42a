"""Which of those who hold leases have died."""

import time
from collections.abc import Iterable

from shared.bus.beats import BEAT, MISSED, SLEPT
from shared.bus.worker import Worker

LOST_AFTER = BEAT * MISSED
"""Seconds of silence after which an owner's slots are free: so much later than it fell silent can it be heard."""


class Owners:
    """Looks at the beats of owners. Where this process itself could not hear, silence proves nothing."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._since = self._looked = time.monotonic()
        worker.bus.on_disconnect(self._doubt)
        worker.bus.on_reconnect(self._reconnected)

    def lost(self, owners: Iterable[str]) -> list[str]:
        """Return those owners, as `service.worker`, that were not heard for `LOST_AFTER` seconds."""
        now = time.monotonic()
        if now - self._looked > SLEPT or not self._worker.responsive:
            self._since = now
        self._looked = now
        beats = self._worker.members.beats
        horizon = now - LOST_AFTER
        if self._since > horizon:
            return []
        return [owner for owner in owners if beats.get(_named(owner), 0.0) < horizon]

    def _doubt(self) -> None:
        self._since = time.monotonic()

    async def _reconnected(self) -> None:
        self._doubt()


def _named(owner: str) -> tuple[str, str]:
    service, _, worker = owner.partition(".")
    return service, worker
