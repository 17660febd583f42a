"""One object of LiteLLM's as it would stand here. Pure."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from shared.schemas.control import ChangeKind
from shared.schemas.scopes import Scope
from shared.store.budgets import BudgetRecord
from shared.store.credentials import CredentialRecord
from shared.store.keys import KeyRecord
from shared.store.models import ModelRecord
from shared.store.people import CustomerRecord, MembershipRecord, OrganizationRecord, TeamRecord, UserRecord
from tollway.litellm.rows import LeftOut

Record = (
    BudgetRecord
    | CredentialRecord
    | CustomerRecord
    | KeyRecord
    | MembershipRecord
    | ModelRecord
    | OrganizationRecord
    | TeamRecord
    | UserRecord
)


@dataclass(frozen=True, slots=True)
class Spent:
    """What an object has spent in the current period of its budget."""

    scope: Scope
    nano: int
    until: float
    """When the period ends by LiteLLM's account, in Unix seconds; 0 where it never does."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object that can be brought."""

    kind: ChangeKind
    id: str
    name: str
    """What the report calls it; never a secret."""
    record: Record
    spent: Spent | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What is sealed in the record, in clear: only to tell whether it is another one than last time."""
    notes: tuple[str, ...] = ()
    """Fields that are not carried over."""


@dataclass(slots=True)
class Known:
    """What was met so far, so that nothing refers to an object that is not brought."""

    brought: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Ids by kind, of the kinds that others refer to."""
    left: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def need(self, kind: str, id: object, what: str = "") -> None:
        """Raise `LeftOut` where an object refers to another one that does not come with it."""
        if not isinstance(id, str) or not id or id in self.brought[kind]:
            return
        noun = what or f"{kind} '{id}'"
        raise LeftOut(f"Its {noun} {'was left out' if id in self.left[kind] else 'does not exist'}.")

    def not_left(self, kind: str, id: object) -> None:
        """Raise `LeftOut` where an object refers to another one that was left out; one that never was is no harm."""
        if isinstance(id, str) and id in self.left[kind]:
            raise LeftOut(f"Its {kind} '{id}' was left out.")

    def note(self, kind: str, id: str, *, brought: bool) -> None:
        """Remember what became of an object."""
        (self.brought if brought else self.left)[kind].add(id)


@dataclass(frozen=True, slots=True)
class Triple:
    """A row, the budget that belongs to it, and what else does; empty for none."""

    row: dict[str, Any]
    budget: dict[str, Any]
    more: dict[str, Any]
