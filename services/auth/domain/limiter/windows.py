"""What was used within the last minute: counted in buckets of time, so that state is bounded whatever the load."""

from typing import Literal, NamedTuple

import msgspec

WindowKind = Literal["fixed", "sliding"]
"""`fixed`: the minutes of the clock. `sliding`: any 60 seconds."""


class Moment(NamedTuple):
    """One point in time, as windows need it."""

    now: float
    bucket: int
    """The bucket of that time."""
    first: int
    """The oldest bucket that still counts."""


class Grid(NamedTuple):
    """How time is cut into buckets: a bucket counts until `kept` further ones are over."""

    width: float
    """Seconds."""
    kept: int

    def moment(self, now: float) -> Moment:
        """Return a time as a place on the grid."""
        bucket = int(now // self.width)
        return Moment(now, bucket, bucket - self.kept)

    def end(self, bucket: int) -> float:
        """Return when a bucket counts no more: for a sliding window 60 s after the end of the bucket, never before."""
        return (bucket + 1 + self.kept) * self.width


GRIDS: dict[WindowKind, Grid] = {"fixed": Grid(60.0, 0), "sliding": Grid(0.25, 240)}
"""A sliding window gives a place back up to a quarter of a second late, so that no 60 s hold more than the limit."""


class Window(msgspec.Struct, gc=False, eq=False):
    """A sum over the buckets that count. Amounts may be corrected where they were taken."""

    buckets: dict[int, int] = {}
    """In the order of time."""
    oldest: int = 0
    """No bucket is older."""
    total: int = 0

    def used(self, first: int) -> int:
        """Return the sum from the bucket `first` on, and forget what is older."""
        if self.oldest < first:
            self._forget(first)
        return self.total

    def add(self, bucket: int, amount: int, first: int) -> None:
        """Take an amount in a bucket, of which `first` is the oldest that counts."""
        if self.oldest < first:
            self._forget(first)
        buckets = self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + amount
        self.total += amount

    def correct(self, bucket: int, difference: int, first: int) -> None:
        """Change what was taken in a bucket; one that counts no more stays forgotten."""
        if self.oldest < first:
            self._forget(first)
        if bucket in self.buckets:
            self.buckets[bucket] += difference
            self.total += difference

    def newest(self) -> int | None:
        """Return the last bucket in which something was taken."""
        return next(reversed(self.buckets), None)

    def frees(self, amount: int) -> int:
        """Return the bucket with whose end at least `amount` is free again; there must be so much."""
        last = 0
        for bucket, taken in self.buckets.items():
            last = bucket
            amount -= taken
            if amount <= 0:
                break
        return last

    def _forget(self, first: int) -> None:
        buckets = self.buckets
        if first - self.oldest > len(buckets):
            for bucket in [bucket for bucket in buckets if bucket < first]:
                self.total -= buckets.pop(bucket)
        else:
            for bucket in range(self.oldest, first):
                self.total -= buckets.pop(bucket, 0)
        self.oldest = first
