"""What an import did: how many of each kind, how much spend, and what was left out and why."""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from shared.pricing.money import to_dollars
from tollway.litellm.writing import Outcome

MOST_LISTED = 100_000
"""Objects that are named one by one; of further ones only the number is kept."""

MOST_PRINTED = 40
"""Reasons that are printed; `--report` has everything."""

_ACTIONS = {"create": "created", "replace": "replaced"}


@dataclass(slots=True)
class Counts:
    """What became of the objects of one kind."""

    read: int = 0
    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    left_out: int = 0
    spend: int = 0
    """Nano-dollars that were carried over."""


@dataclass(slots=True)
class Report:
    """Grows while objects are brought."""

    dry_run: bool
    kinds: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    left_out: list[dict[str, str]] = field(default_factory=list)
    not_listed: int = 0
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Fields that are not carried over, by kind and name: how many objects say something there."""
    outside: dict[str, int] = field(default_factory=dict)
    """Tables that are not brought at all: what stands in them, and how much of it."""

    def add(self, kind: str, outcome: Outcome) -> None:
        """Count an object that was brought, or kept as it is here."""
        counts = self.kinds[kind]
        counts.read += 1
        counts.spend += outcome.spent
        if outcome.why:
            self._left(kind, outcome.found.name, outcome.why)
        elif outcome.action == "keep":
            counts.unchanged += 1
        else:
            name = _ACTIONS[outcome.action]
            setattr(counts, name, getattr(counts, name) + 1)
        if not outcome.why:
            self.fields.update((kind, name) for name in outcome.found.notes)

    def leave_out(self, kind: str, name: str, why: str) -> None:
        """Count an object that cannot be brought."""
        self.kinds[kind].read += 1
        self._left(kind, name, why)

    def _left(self, kind: str, name: str, why: str) -> None:
        self.kinds[kind].left_out += 1
        if len(self.left_out) < MOST_LISTED:
            self.left_out.append({"kind": kind, "name": name, "why": why})
        else:
            self.not_listed += 1

    @property
    def anything_left_out(self) -> bool:
        """Tell whether LiteLLM has an object that is not here as it is there."""
        return any(counts.left_out for counts in self.kinds.values())

    @property
    def changes(self) -> int:
        """How many objects were written, or got spend."""
        return sum(counts.created + counts.replaced + bool(counts.spend) for counts in self.kinds.values())

    def as_json(self) -> dict[str, Any]:
        """Return the whole report; money in dollars."""
        return {
            "dry_run": self.dry_run,
            "kinds": {
                kind: asdict(counts) | {"spend": to_dollars(counts.spend)} for kind, counts in self.kinds.items()
            },
            "left_out": self.left_out,
            "left_out_not_listed": self.not_listed,
            "fields_not_carried": [
                {"kind": kind, "field": name, "objects": number} for (kind, name), number in sorted(self.fields.items())
            ],
            "not_imported": self.outside,
        }

    def summary(self) -> dict[str, Any]:
        """Return the counts alone, for the audit trail."""
        return {key: value for key, value in self.as_json().items() if key in ("kinds", "not_imported")}

    def print(self, console: Console) -> None:
        """Say it to people."""
        table = Table("", *("read", "new", "replaced", "unchanged", "left out", "spend"), title=self._title())
        for kind, counts in self.kinds.items():
            figures = (counts.read, counts.created, counts.replaced, counts.unchanged, counts.left_out)
            spend = f"${to_dollars(counts.spend):,.6f}" if counts.spend else ""
            table.add_row(kind, *(f"{figure:,}" for figure in figures), spend)
        console.print(table)
        self._print_left_out(console)
        for (kind, name), number in sorted(self.fields.items()):
            console.print(f"Not carried over of {kind}: '{name}' ({number:,}).", markup=False)
        for what, number in self.outside.items():
            console.print(f"Not brought: {number:,} {what}.", markup=False)

    def _title(self) -> str:
        return "What an import would do" if self.dry_run else "What was imported"

    def _print_left_out(self, console: Console) -> None:
        reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
        for item in self.left_out:
            reasons[item["kind"], item["why"]].append(item["name"])
        for (kind, why), names in list(reasons.items())[:MOST_PRINTED]:
            some = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
            console.print(f"Left out of {kind}: {some}. {why}", markup=False)
        if len(reasons) > MOST_PRINTED:
            console.print(f"And more: {len(reasons) - MOST_PRINTED:,} reasons; --report FILE has all of them.")
