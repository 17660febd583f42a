"""Remembers which requests were cancelled, so that a cancellation may overtake its request."""

from collections import OrderedDict

REMEMBERED = 50_000
"""Cancelled requests that a worker remembers; the oldest goes first."""


class Cancellations:
    """Request ids with the last epoch that is cancelled, bounded."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._epochs: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._epochs)

    def add(self, request: str, epoch: int) -> None:
        """Remember that the request is cancelled up to and including this epoch."""
        self._epochs[request] = max(epoch, self._epochs.get(request, 0))
        self._epochs.move_to_end(request)
        if len(self._epochs) > self._capacity:
            self._epochs.popitem(last=False)

    def covers(self, request: str, epoch: int) -> bool:
        """Tell whether this epoch of the request was cancelled."""
        return epoch <= self._epochs.get(request, 0)
