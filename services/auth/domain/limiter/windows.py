"""What was used within the last minute: counted in buckets of time, so that state is bounded whatever the load."""

from typing import Literal, NamedTuple

import msgspec

WindowKind = Literal["fixed", "sliding"]
"""`fixed`: the minutes of the clock. `sliding`: any 60 seconds."""

MINUTE = 60.0
"""Seconds of a window, unless the operator chose others."""

PARTS = 240
"""Buckets of a sliding window: a quarter of a second each, where it is a minute."""

BEFORE_THE_END = 0.001
"""Seconds between the last moment of a bucket and its end."""


class Moment(NamedTuple):
    """One point in time, as windows need it."""

    now: float
    bucket: int
    """The bucket of that time."""
    first: int
    """The oldest bucket that may still count."""
    end: float
    """When that counts no more which is taken at this time."""


class Grid(NamedTuple):
    """How time is cut into buckets."""

    kind: WindowKind
    seconds: float
    """Of a window."""

    @property
    def width(self) -> float:
        """Seconds of a bucket."""
        return self.seconds / PARTS if self.kind == "sliding" else self.seconds

    def moment(self, now: float) -> Moment:
        """Return a time as a place on the grid."""
        bucket = int(now // self.width)
        if self.kind == "sliding":
            return Moment(now, bucket, bucket - PARTS, now + self.seconds)
        return Moment(now, bucket, bucket, (bucket + 1) * self.seconds)

    def last_moment(self, bucket: int) -> float:
        """Return a time at the end of a bucket."""
        return (bucket + 1) * self.width - BEFORE_THE_END * self.width


class Window(msgspec.Struct, gc=False, eq=False):
    """A sum over the buckets that count. Amounts may be corrected where they were taken.

    A bucket of a sliding window counts until a whole window after the last that was taken in it: nothing is free too
    early, and what was taken together is free together. So whoever is refused waits for no longer than a window.
    """

    buckets: dict[int, int] = {}
    """In the order of time."""
    ends: dict[int, float] = {}
    """When each of them counts no more."""
    oldest: int = 0
    """No bucket is older."""
    total: int = 0

    def used(self, moment: Moment) -> int:
        """Return the sum of what counts at a moment, and forget what is older."""
        first = moment.first
        if self.oldest <= first:
            self._forget(first)
            if first < moment.bucket and self.ends.get(first, 0.0) <= moment.now:
                self.ends.pop(first, None)
                self.total -= self.buckets.pop(first, 0)
                self.oldest = first + 1
        return self.total

    def add(self, moment: Moment, amount: int) -> None:
        """Take an amount at a moment."""
        if self.oldest < moment.first:
            self._forget(moment.first)
        buckets, bucket = self.buckets, moment.bucket
        buckets[bucket] = buckets.get(bucket, 0) + amount
        self.ends[bucket] = moment.end
        self.total += amount

    def correct(self, bucket: int, difference: int, first: int) -> None:
        """Change what was taken in a bucket; one that counts no more stays forgotten."""
        if self.oldest < first:
            self._forget(first)
        if bucket in self.buckets:
            self.buckets[bucket] += difference
            self.total += difference

    def whole_at(self) -> float:
        """Return when nothing of it counts any more; 0 if nothing does now."""
        return next(reversed(self.ends.values()), 0.0)

    def free_at(self, amount: int) -> float:
        """Return when at least `amount` is free again; there must be so much."""
        end = 0.0
        for bucket, taken in self.buckets.items():
            end = self.ends[bucket]
            amount -= taken
            if amount <= 0:
                break
        return end

    def _forget(self, first: int) -> None:
        buckets, ends = self.buckets, self.ends
        if first - self.oldest > len(buckets):
            for bucket in [bucket for bucket in buckets if bucket < first]:
                self.total -= buckets.pop(bucket)
                del ends[bucket]
        else:
            for bucket in range(self.oldest, first):
                self.total -= buckets.pop(bucket, 0)
                ends.pop(bucket, None)
        self.oldest = first
