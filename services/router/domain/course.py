"""The way of one request through the deployments of its model group: where it may still go, and how it ends."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from services.router.domain.refusals import NoRoom, soonest
from services.router.domain.retries import Next
from shared.errors import ProviderError, TollwayError, Unavailable

T = TypeVar("T")


class Course(Generic[T]):
    """Goes over deployments in the given order, each once; one that failed comes again where no other is left."""

    def __init__(self, order: Sequence[T]) -> None:
        self._left = list(order)
        self._most = len(order)
        self._attempts = 0
        self._again: T | None = None
        self._refused: list[NoRoom] = []
        self._away: Unavailable | None = None
        self._failed: ProviderError | None = None

    def next(self) -> T | None:
        """Return where to go next; None when that was all."""
        if self._left:
            return self._left.pop(0)
        again, self._again = self._again, None
        return again if self._attempts <= self._most else None

    def refused(self, error: NoRoom) -> None:
        """Note that there is no room; where the model group has none, no other deployment is asked."""
        self._refused.append(error)
        if error.everywhere:
            self._left.clear()

    def unanswered(self, error: Unavailable, limited: Callable[[T], bool]) -> None:
        """Note that nobody can tell whether there is room: what has limits is not tried any more."""
        self._away = error
        self._left = [other for other in self._left if not limited(other)]
        if self._again is not None and limited(self._again):
            self._again = None

    def failed(self, item: T, error: ProviderError, following: Next) -> None:
        """Note that an attempt failed, and what may follow."""
        self._attempts += 1
        self._failed = error
        self._again = item if following is Next.ANYWHERE else None

    @property
    def error(self) -> TollwayError:
        """What the request ends with when that was all: a failure tells more than a full deployment beside it."""
        return self._failed or self._away or soonest(self._refused)
