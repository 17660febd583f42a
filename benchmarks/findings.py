"""What a scenario found, in a form that is printed, stored and drawn alike."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Check:
    """One figure beside the figure that was asked for."""

    what: str
    value: float
    unit: str
    limit: float
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Tell whether the figure is good enough."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@dataclass(frozen=True)
class Finding:
    """A table, the checks on it, and all figures behind it."""

    scenario: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    checks: tuple[Check, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "checks": [{**asdict(check), "met": check.met} for check in self.checks]}
