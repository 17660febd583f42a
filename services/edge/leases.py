"""What requests hold at the limiter, given back by the process that holds their clients, however they end."""

from shared.bus.lane_reader import Lane, Lanes
from shared.bus.limits import LimiterClient
from shared.schemas.events import Completion
from shared.schemas.frames import Ending
from shared.schemas.limits import Admitted


class Leases:
    """The leases of one edge."""

    def __init__(self, limiter: LimiterClient, lanes: Lanes) -> None:
        self._limiter = limiter
        self._open: set[str] = set()
        lanes.on_admitted = self._admitted_late

    def begin(self, id: str) -> "Lease":
        """Return the lease of a request; nothing is known of it yet."""
        self._open.add(id)
        return Lease(self, id)

    def settle(self, completion: Completion) -> None:
        """Say what a request used whose worker died before it could."""
        self._limiter.settle_for(completion)

    def end(self, id: str, ending: Ending | None, *, held: bool, sent: bool) -> None:
        """Note that a request is over: settle what a complete answer used, and release what it held.

        Of any other end the router, or else billing, says what was used.
        """
        self._open.discard(id)
        if not held:
            return
        if ending is not None and ending.attempts:
            tokens = ending.prompt_tokens + ending.completion_tokens
            self._limiter.settle(id, tokens, ending.cost, ending.ended)
        self._limiter.release(id, sent=sent)

    def _admitted_late(self, id: str) -> None:
        """Release a request that was admitted when it was over; one that was repeated goes on holding its place."""
        if id not in self._open:
            self._limiter.release(id, sent=False)


class Lease:
    """One request's, through all of its epochs."""

    __slots__ = ("_asked", "_held", "_id", "_leases", "_over", "_sent")

    def __init__(self, leases: Leases, id: str) -> None:
        self._leases = leases
        self._id = id
        self._asked = False
        self._held: bool | None = None
        self._sent = False
        self._over = False

    def asked(self) -> None:
        """Note that the request went to auth: from now on it may hold something."""
        self._asked = True

    def told(self, admitted: Admitted | None) -> None:
        """Note what the answer's first frame says: it comes from whoever had the request last."""
        self._held = admitted is not None

    def note(self, lane: Lane) -> None:
        """Note whether a provider may have been called by whoever answers on this lane."""
        self._sent = self._sent or lane.sent is not None or lane.doubtful

    def end(self, ending: Ending | None = None) -> None:
        """Release it, once. Where nobody said whether it holds anything, it may."""
        if not self._over:
            self._over = True
            self._leases.end(self._id, ending, held=self._asked and self._held is not False, sent=self._sent)
