"""What a unit costs, and what a usage costs: integers of nano-dollars, computed once."""

import msgspec

from shared.pricing.rates import ATTO_IN_NANO, Period, Rates, dearest, in_force
from shared.pricing.usage import Usage


class Cost(msgspec.Struct, frozen=True):
    """What an attempt cost."""

    nano: int
    """Nano-dollars of everything that has a price; 0 when nothing has."""
    unpriced: bool
    """True when something that was used has no known price: never silently free."""
    version: str
    """The price table's version and entry, or `override`, that the figure came from."""


class Price:
    """The price of one deployment's model, compiled: a cost takes about a microsecond and no I/O."""

    __slots__ = ("_changes", "_dearest", "_now", "_periods", "version")

    def __init__(self, version: str, periods: tuple[Period, ...], as_of: float) -> None:
        self.version = version
        self._periods = periods
        self._changes = len(periods) > 1 or any(len(period.windows) > 1 for period in periods)
        self._now = in_force(periods, as_of) if periods else {}
        self._dearest = dearest(periods, as_of)

    @property
    def known(self) -> bool:
        """False when nothing of this model has a price."""
        return bool(self._periods)

    def cost(self, usage: Usage, at: float | None = None) -> Cost:
        """Return the cost of a usage; the same usage costs the same on every route.

        `at` is when the attempt began, in Unix seconds, for prices that change on a day or with the time of
        day; without it the prices hold that were in force when the table was made.
        """
        tiers = in_force(self._periods, at) if self._changes and at is not None else self._now
        steps = tiers.get(usage.service_tier) or tiers.get("")
        if steps is None:
            return Cost(0, True, "")
        applied: Rates = steps[0][1]
        if len(steps) > 1:
            prompt_tokens = usage.prompt_tokens
            for above, stepped in steps:
                if prompt_tokens > above:
                    applied = stepped
        return Cost(applied.nano(usage), applied.leaves_out(usage), self.version)

    def bound(self, input: int, output: int) -> int:
        """Return the nano-dollars that a prompt and an answer of so many tokens cost at most.

        It takes the dearest service tier and time of day, and the dearest way that a token can be billed: written to
        a cache, reasoned, or as audio or an image where the model has such prices.
        """
        found = 0
        for above, prompt, answer, request in self._dearest:
            if input > above or not above:
                found = max(found, input * prompt + output * answer + request)
        return -(-found // ATTO_IN_NANO)


UNPRICED = Price("", (), 0)
"""The price of a model that nobody told us: it costs 0 and says so."""
