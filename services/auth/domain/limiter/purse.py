"""Money of one scope: what was spent in the budget's period, what is held, and how far the ledger was read."""

import msgspec

UNREAD = -1
"""Instead of a sum: the ledger must be read first."""

NEVER = 2**62
"""Instead of a soft budget: nothing is told of any sum. Four times what an operator may state."""

LATE = 5.0
"""Seconds within which a completion that ended is stored, and so in the ledger once billing has caught up."""

SOON = 5.0
"""Seconds after which a reading is repeated that may have counted a completion twice; doubled each time it recurs."""

FIRST_AGAIN = 60.0
"""Seconds after which a first reading is repeated: requests in flight may have begun before the scope had a budget."""

AGAIN = 600.0
"""Seconds after which any reading is repeated: the ledger is the record, and what differs is mended."""


class Purse(msgspec.Struct, gc=False, eq=False):
    """What one scope spent in its period. Money is nano-dollars, times are Unix seconds.

    A completion counts in the period in which it ended, as in the ledger. While a reading is under way, a settlement
    may be in it or not: it is added, which errs towards too much, and the ledger is read again soon.
    """

    since: float = 0.0
    until: float = 0.0
    """When the period ends; 0 where it never does, or where only the next question tells."""
    spent: int = 0
    held: int = 0
    asked: float = 0.0
    """When the last reading began: what was settled before is in it."""
    read: float = 0.0
    """When the last reading ended; 0 as long as there is none."""
    again: float = 0.0
    """When the ledger should be read again."""
    pause: float = SOON
    pending: int = 0
    """Settled since a reading began. Not replicated: readings begin anew."""
    soft: int = NEVER
    """The sum that is told once it is spent. Not replicated, as all of what is told: the next question says it anew."""
    told: tuple[float, int] = (0.0, NEVER)
    """The period, by its beginning, and the soft budget that were told last."""

    def spent_in(self, since: float, until: float) -> int:
        """Return what was spent in a period, or `UNREAD`.

        A period that begins at the end of the known one, or later, is fresh. A question that was asked in the period
        before counts in the known one. Anything else is another kind of period, of which only the ledger knows.
        """
        if not self.read:
            return UNREAD
        if since == self.since:
            return self.spent
        if 0 < self.until <= since:
            return 0
        if 0 < until <= self.since:
            return self.spent
        return UNREAD

    def due(self, now: float, stray: float) -> bool:
        """Tell whether the ledger should be read again; `stray` is when a settlement last came that belongs nowhere."""
        return now >= self.again or (stray >= self.asked and now >= self.read + SOON)

    def watch(self, soft: int) -> None:
        """Note the soft budget that holds now; one that was told of this period is not told again."""
        self.soft = NEVER if self.told == (self.since, soft) else soft

    @property
    def reached(self) -> bool:
        """True where it is to be told that the soft budget is spent."""
        return self.spent >= self.soft and self.read > 0

    def tell(self) -> int:
        """Return the soft budget that is spent, which is thereby told."""
        soft, self.soft = self.soft, NEVER
        self.told = (self.since, soft)
        return soft

    def begins(self, since: float, until: float) -> bool:
        """Tell whether this period is news: the next one, or one whose end has changed."""
        if since == self.since:
            return until != self.until and self.read > 0
        return 0 < self.until <= since and self.read > 0

    def begin(self, since: float, until: float) -> None:
        """Let a period begin, or change the end of the one that has begun."""
        if since != self.since:
            self.since = since
            self.spent = 0
        self.until = until

    def charge(self, cost: int, at: float) -> None:
        """Count a completion that ended at `at`."""
        self.pending += cost
        if not self.read or at < self.since:
            return
        if 0 < self.until <= at:
            self.begin(self.until, 0.0)
        elif at < self.asked - LATE:
            return
        self.spent += cost
        if at <= self.read:
            self.again = min(self.again, self.read + self.pause)
