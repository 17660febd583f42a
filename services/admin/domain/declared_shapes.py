"""What the configuration file declares, as the audit trail keeps it: as the API shows it, with amounts in dollars."""

from collections.abc import Callable, Mapping
from typing import Any

from services.admin.domain.budget_shapes import budget_shape
from services.admin.domain.customer_shapes import customer_shape
from services.admin.domain.declared_records import DeclaredRecord
from services.admin.domain.key_shapes import token_shape
from services.admin.domain.member_shapes import deed_shape
from services.admin.domain.organization_shapes import organization_shape
from services.admin.domain.team_shapes import team_shape
from services.admin.domain.user_shapes import user_shape
from shared.store.budgets import BudgetRecord
from shared.store.keys import KeyRecord
from shared.store.people import CustomerRecord, MembershipRecord, OrganizationRecord, TeamRecord, UserRecord

_SHAPES: Mapping[type, Callable[..., dict[str, Any]]] = {
    BudgetRecord: budget_shape,
    UserRecord: user_shape,
    OrganizationRecord: organization_shape,
    TeamRecord: team_shape,
    MembershipRecord: deed_shape,
    CustomerRecord: customer_shape,
    KeyRecord: token_shape,
}


def declared_shape(record: DeclaredRecord | None) -> dict[str, Any] | None:
    """Return a record of any kind; None for none."""
    return None if record is None else _SHAPES[type(record)](record)
