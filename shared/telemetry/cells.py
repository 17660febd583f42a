"""Where numbers are counted: plain integers, since a process has one loop.

A child of prometheus-client takes a lock and a float conversion for each count and walks all buckets of a
histogram; these cost a dictionary look-up. prometheus-client reads them when it is asked.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

Labels = tuple[str, ...]

MOST_LABELS = 64
"""Label sets of one family; whatever comes after them is counted under `other`."""


class Counts:
    """The counters of one family, by label values."""

    def __init__(self, width: int) -> None:
        self._other = ("other",) * width
        self._values: dict[Labels, int] = {}
        self.folded = 0

    def add(self, labels: Labels, amount: int = 1) -> None:
        """Count."""
        known = self._values.get(labels)
        if known is None and len(self._values) >= MOST_LABELS:
            self.folded += 1
            labels, known = self._other, self._values.get(self._other)
        self._values[labels] = (known or 0) + amount

    def __iter__(self) -> Iterator[tuple[Labels, int]]:
        return iter(self._values.items())


class Distribution:
    """Counts of values by bucket, and their sum."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value; a bucket's upper bound belongs to it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Return `(upper bound, values up to it)` for each bucket, the last one `+Inf`."""
        total = 0
        buckets = []
        for bound, count in zip([*map(repr, self._bounds), "+Inf"], self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets


class Distributions:
    """The histograms of one family, by label values."""

    def __init__(self, width: int, bounds: Sequence[float]) -> None:
        self._other = ("other",) * width
        self._bounds = bounds
        self._values: dict[Labels, Distribution] = {}
        self.folded = 0

    def observe(self, labels: Labels, value: float) -> None:
        """Count a value."""
        known = self._values.get(labels)
        if known is None:
            known = self._new(labels)
        known.observe(value)

    def __iter__(self) -> Iterator[tuple[Labels, Distribution]]:
        return iter(self._values.items())

    def _new(self, labels: Labels) -> Distribution:
        if len(self._values) >= MOST_LABELS:
            self.folded += 1
            labels = self._other
        return self._values.setdefault(labels, Distribution(self._bounds))
