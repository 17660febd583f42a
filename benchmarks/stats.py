"""Medians, quantiles and lags, from plain numbers."""

from bisect import bisect_left
from collections.abc import Sequence

Point = tuple[float, int]
"""A time in Unix seconds, and how many were done by then."""


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the ordered values lie; 0.0 when there are none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two in the middle; 0.0 when there are none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def reached(points: Sequence[Point], count: int) -> float:
    """Return when `count` was reached, between the points by a straight line."""
    counts = [point[1] for point in points]
    index = bisect_left(counts, count)
    if index == 0:
        return points[0][0]
    if index == len(points):
        return points[-1][0]
    (before, low), (after, high) = points[index - 1], points[index]
    return before + (after - before) * (count - low) / (high - low)


def lags(answered: Sequence[Point], written: Sequence[Point]) -> list[tuple[float, float]]:
    """Return for each look at the ledger how old the first answer was that it did not hold yet, in seconds."""
    total = answered[-1][1] if answered else 0
    result = []
    for when, count in written:
        behind = 0.0 if count >= total else max(0.0, when - reached(answered, count + 1))
        result.append((when, behind))
    return result


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the steepness of the line that fits the points best (least squares); 0.0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
