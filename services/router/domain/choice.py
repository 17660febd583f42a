"""Which deployment is tried next."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def weighted_order(items: Sequence[tuple[T, float]], random: Callable[[], float]) -> list[T]:
    """Return the items in the order to try them: each next one is drawn by weight from those that are left.

    `random` gives numbers in [0, 1). Items of weight 0 come last, in their given order, for want of others.
    """
    left = list(items)
    order: list[T] = []
    while left:
        total = sum(weight for _, weight in left)
        if total <= 0:
            return order + [item for item, _ in left]
        mark = random() * total
        for index, (item, weight) in enumerate(left):
            mark -= weight
            if mark < 0 or (index == len(left) - 1):
                order.append(item)
                del left[index]
                break
    return order
