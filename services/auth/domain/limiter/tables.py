"""The rows of the limiter's tables: a scope, and what one request holds.

They are structs without garbage collection, since there are many and none refers back to itself.
"""

import msgspec

from services.auth.domain.limiter.purse import Purse
from services.auth.domain.limiter.records import Admitted
from services.auth.domain.limiter.windows import Window

REQUESTS, TOKENS, PARALLEL, BUDGET = 1, 2, 4, 8
"""What counts in a scope, as bits."""

GRACE = 30.0
"""Seconds after its deadline at which a request that nobody released is taken for over, and as long again until its
hold is dropped if nobody settled it: by then it is in the ledger, or never will be."""


class ScopeState(msgspec.Struct, gc=False, eq=False):
    """What is counted in one scope."""

    text: str
    kept: int = 0
    """The last snapshot that has it."""
    requests: Window | None = None
    tokens: Window | None = None
    slots: int = 0
    purse: Purse | None = None
    holds: int = 0
    """Requests that count here and are not over."""
    pace: float = 0.0
    """Mean duration of requests here, in seconds; 0 as long as none is known."""
    used: float = 0.0
    """When something was last counted here."""
    awaited: bool = False
    """True while a request waits for room here. Not replicated: those who wait ask again."""
    tenant: str = ""
    """Whose request brought it in; empty where nobody is held to a share."""

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


class Hold(msgspec.Struct, gc=False, eq=False):
    """What one request holds, until it is both settled and released."""

    admitted: Admitted
    states: tuple[ScopeState, ...]
    """Its scopes, in the order of `admitted.scopes`."""
    at: float
    bucket: int
    kept: int = 0
    """The last snapshot that has it."""
    released: bool = False
    settled: bool = False
    estimated: bool = False
    """True where it was settled by an estimate."""

    @property
    def ends(self) -> float:
        """When it is taken for over, or, once it is over, given up."""
        return self.admitted.deadline + (GRACE * 2 if self.released else GRACE)
