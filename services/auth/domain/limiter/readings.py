"""Budgets that are being read from the ledger."""

from services.auth.domain.limiter.records import Needed

REPEATED = 2.0
"""Seconds after which a reading is asked for again that was not answered."""

GIVEN_UP = 60.0
"""Seconds after which a reading is forgotten that nobody waits for."""

MOST_ASIDE = 256
"""Readings under way beyond which none begins that nobody waits for."""


class Reading:
    """One scope's reading."""

    __slots__ = ("asked", "said", "since", "tenant", "until")

    def __init__(self, since: float, until: float, now: float, tenant: str) -> None:
        self.since = since
        self.until = until
        self.asked = now
        self.said = now
        self.tenant = tenant
        """Whose request asked first."""


class Readings:
    """What is being read, by scope."""

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}

    def __len__(self) -> int:
        return len(self._readings)

    def __contains__(self, scope: str) -> bool:
        return scope in self._readings

    def begin(self, scope: str, since: float, until: float, now: float, tenant: str) -> Needed | None:
        """Begin a reading; None if it is under way."""
        reading = self._readings.get(scope)
        if reading is not None and reading.since == since:
            return None
        self._readings[scope] = Reading(since, until, now, tenant)
        return Needed(scope, since)

    def end(self, scope: str, since: float) -> Reading | None:
        """Take out a reading that was answered; None where the answer is not the one that is waited for."""
        reading = self._readings.get(scope)
        if reading is None or reading.since != since:
            return None
        return self._readings.pop(scope)

    def forget(self, scope: str) -> None:
        """Give a reading up."""
        self._readings.pop(scope, None)

    def repeated(self, now: float) -> list[Needed]:
        """Return what must be asked for again."""
        found = []
        for scope, reading in self._readings.items():
            if now - reading.said >= REPEATED:
                reading.said = now
                found.append(Needed(scope, reading.since))
        return found

    def stale(self, now: float) -> list[str]:
        """Return the scopes whose reading has gone unanswered for long."""
        return [scope for scope, reading in self._readings.items() if now - reading.asked >= GIVEN_UP]
