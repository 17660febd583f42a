"""The rows of the limiter's tables: a scope, and what one request holds."""

from services.auth.domain.limiter.purse import Purse
from services.auth.domain.limiter.records import Admitted
from services.auth.domain.limiter.windows import Window

REQUESTS, TOKENS, PARALLEL, BUDGET = 1, 2, 4, 8
"""What counts in a scope, as bits."""

GRACE = 30.0
"""Seconds after its deadline at which a request that nobody released is taken for over, and as long again until its
hold is dropped if nobody settled it: by then it is in the ledger, or never will be."""

SHELF = 8.0
"""Seconds of deadlines that are looked at together."""


class ScopeState:
    """What is counted in one scope."""

    __slots__ = ("awaited", "holds", "kept", "pace", "purse", "requests", "slots", "text", "tokens", "used")

    def __init__(self, text: str, kept: int = 0) -> None:
        self.text = text
        self.requests: Window | None = None
        self.tokens: Window | None = None
        self.slots = 0
        self.purse: Purse | None = None
        self.holds = 0
        """Requests that count here and are not over."""
        self.pace = 0.0
        """Mean duration of requests here, in seconds; 0 as long as none is known."""
        self.used = 0.0
        """When something was last counted here."""
        self.awaited = False
        """True while a request waits for room here. Not replicated: those who wait ask again."""
        self.kept = kept
        """The last snapshot that has it."""

    def new_requests(self) -> Window:
        """Begin to count requests."""
        self.requests = Window()
        return self.requests

    def new_tokens(self) -> Window:
        """Begin to count tokens."""
        self.tokens = Window()
        return self.tokens

    def new_purse(self) -> Purse:
        """Begin to count money."""
        self.purse = Purse()
        return self.purse


def shelf_of(deadline: float) -> int:
    """Return where a request is looked at that should be over at its deadline."""
    return int((deadline + GRACE) // SHELF)


class Hold:
    """What one request holds, until it is both settled and released."""

    __slots__ = (
        "at", "bucket", "cost", "deadline", "id", "kept", "owner", "parts", "released", "settled", "shelf", "tokens",
    )  # fmt: skip

    def __init__(
        self, admitted: Admitted, parts: list[tuple[ScopeState, int]], at: float, bucket: int, kept: int = 0
    ) -> None:
        self.id = admitted.id
        self.owner = admitted.owner
        self.deadline = admitted.deadline
        self.tokens = admitted.tokens
        self.cost = admitted.cost
        self.parts = parts
        """Its scopes, and what counts in each."""
        self.at = at
        self.bucket = bucket
        self.shelf = shelf_of(admitted.deadline)
        """Where it is looked at: whether it was released, and later, whether it was settled."""
        self.released = False
        self.settled = False
        self.kept = kept
