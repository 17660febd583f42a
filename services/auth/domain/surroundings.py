"""The records around a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.store.budgets import BudgetRecord
from shared.store.people import MembershipRecord, OrganizationRecord, TeamRecord, UserRecord


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the store has around a key; None for what there is not."""

    user: UserRecord | None = None
    team: TeamRecord | None = None
    member: MembershipRecord | None = None
    """The user's place in the team."""
    organization: OrganizationRecord | None = None
    budgets: Mapping[str, BudgetRecord] = field(default_factory=dict)
    """By id: those that any of these, or the key, refers to."""
