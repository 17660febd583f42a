"""What the limiter counts of itself."""

from collections.abc import Iterable

from shared.schemas.limits import Verdict
from shared.schemas.scopes import Scope
from shared.telemetry.metrics import Metrics


class Tally:
    """Counts decisions, refusals and the journal's time."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.snapshots = 0
        self.takeovers = 0
        self.active = False

    def decided(self, verdicts: Iterable[Verdict]) -> None:
        """Count verdicts, and refusals by kind of scope and measure."""
        for verdict in verdicts:
            refusal = verdict.refusal
            if verdict.full or verdict.failed:
                self._metrics.limit_decided("failed" if verdict.failed else "full")
                continue
            self._metrics.limit_decided("admitted" if refusal is None else "refused")
            if refusal is not None:
                self._metrics.limit_refused(Scope.parse(refusal.scope).kind, refusal.measure)

    def soft_budget_reached(self, scope: str) -> None:
        """Count a soft budget that was spent, by kind of scope."""
        self._metrics.soft_budget_reached(scope)

    def journaled(self, seconds: float) -> None:
        """Note how long an entry took to be on disk."""
        self._metrics.limit_journaled(seconds)
