"""The journal replayed: the tables of the active limiter, a few milliseconds behind it."""

from collections.abc import Callable

import msgspec
import structlog

from services.auth.domain.limiter import Limiter
from services.auth.limiter.entries import Entry, decode_entry

log = structlog.get_logger(__name__)


class Replica:
    """What a stand-by knows. It begins with a snapshot, or with a claim that says that there is nothing before it."""

    def __init__(self, make: Callable[[], Limiter]) -> None:
        self._make = make
        self._pieces: list[msgspec.Raw] = []
        self.limiter: Limiter | None = None
        """The tables; None as long as not all of what they come from was read."""
        self.epoch = 0
        self.vacant = True
        """True while nobody claims to be the active one."""

    def restart(self) -> None:
        """Begin anew: entries that were not read are gone."""
        self.limiter = None
        self._pieces = []
        self.epoch, self.vacant = 0, True

    def take(self, _: int, data: bytes) -> None:
        """Take the journal's next entry."""
        try:
            self._take(decode_entry(data))
        except Exception:
            # Tables that differ from the active one's are worth nothing; the next claim begins with the ledger.
            log.exception("limiter.journal_unreadable")
            self.limiter = None

    def _take(self, entry: Entry) -> None:
        self.epoch = max(self.epoch, entry.epoch)
        self.vacant = entry.left
        if entry.claim and entry.fresh:
            self.limiter = self._make()
        if entry.piece:
            self._take_piece(entry)
        elif self.limiter is not None:
            for record in entry.records:
                self.limiter.apply(record)

    def _take_piece(self, entry: Entry) -> None:
        """Collect a snapshot, where the tables are not known yet."""
        if self.limiter is not None:
            return
        if entry.number == 0:
            self._pieces = []
        if entry.number == len(self._pieces):
            self._pieces.append(entry.piece)
            if entry.last:
                self._pieces = []
