"""What the limiter tells the rest of the world beside its verdicts: soft budgets that are spent."""

import hashlib
from collections.abc import Iterable

import structlog

from services.auth.domain.limiter.records import SoftReached
from services.auth.limiter.tally import Tally
from shared.bus.announcements import Announcements
from shared.bus.subjects import soft_budget_reached
from shared.schemas.events import SoftBudgetReached, encode_soft_budget
from shared.schemas.scopes import Scope, parts_of

log = structlog.get_logger(__name__)


class Announcing:
    """Makes events of what limiters found out."""

    def __init__(self, announcements: Announcements, tally: Tally) -> None:
        self._announcements = announcements
        self._tally = tally

    def tell(self, reached: Iterable[SoftReached]) -> None:
        """Announce soft budgets that are spent, once for each scope, period and amount."""
        for found in reached:
            event = event_of(found)
            kind = event.scope
            log.info("limiter.soft_budget_reached", scope=kind, id=event.id)
            self._announcements.announce(
                soft_budget_reached(event.id),
                event.id,
                encode_soft_budget(event),
                lambda kind=kind: self._tally.soft_budget_reached(kind),  # type: ignore[misc]
            )


def event_of(found: SoftReached) -> SoftBudgetReached:
    """Return the event; its id follows from scope, period and amount alone."""
    scope = Scope.parse(found.scope)
    fact = f"{found.scope}\x1e{found.since!r}\x1e{found.soft}"
    return SoftBudgetReached(
        id=hashlib.sha256(fact.encode()).hexdigest(),
        scope=scope.kind,
        soft_budget=found.soft,
        spent=found.spent,
        at=found.at,
        since=found.since,
        until=found.until,
        **parts_of(scope),
    )
