"""Refusals of the last moments: a question that is repeated gets the same answer."""

from shared.schemas.limits import Verdict

REMEMBERED = 10.0
"""Seconds that a refusal is remembered at least, up to twice as long; less where `MOST` come sooner."""

MOST = 32_768
"""Refusals of one generation, of which there are two."""


class Refused:
    """Verdicts in two generations. Not replicated: to be refused changes nothing."""

    def __init__(self) -> None:
        self._young: dict[str, Verdict] = {}
        self._old: dict[str, Verdict] = {}
        self._began = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, id: str, now: float) -> Verdict | None:
        """Return what was answered."""
        if not 0 <= now - self._began < 2 * REMEMBERED:
            return None
        return self._young.get(id) or self._old.get(id)

    def add(self, verdict: Verdict, now: float) -> None:
        """Remember a refusal."""
        if not 0 <= now - self._began < REMEMBERED or len(self._young) >= MOST:
            self._old = self._young if 0 <= now - self._began < 2 * REMEMBERED else {}
            self._young, self._began = {}, now
        self._young[verdict.id] = verdict
