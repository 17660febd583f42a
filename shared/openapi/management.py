"""The bodies of the management API, under LiteLLM's field names: what Tollway reads and gives of them.

Each subject has a file of its own.

Fields of LiteLLM's that Tollway does not have are refused where leaving them out would permit more than was asked
for, and kept and shown again where they mean nothing here.
"""

from shared.openapi.audit import AUDIT_SHAPES
from shared.openapi.budgets import BUDGET_SHAPES
from shared.openapi.configuration import CONFIGURATION_SHAPES
from shared.openapi.credentials import CREDENTIAL_SHAPES
from shared.openapi.customers import CUSTOMER_SHAPES
from shared.openapi.keys import KEY_SHAPES
from shared.openapi.models import MODEL_SHAPES
from shared.openapi.organizations import ORGANIZATION_SHAPES
from shared.openapi.shapes import Shape
from shared.openapi.spend import SPEND_SHAPES
from shared.openapi.teams import TEAM_SHAPES
from shared.openapi.users import USER_SHAPES

MANAGEMENT_SHAPES: dict[str, Shape] = {
    **KEY_SHAPES,
    **USER_SHAPES,
    **TEAM_SHAPES,
    **ORGANIZATION_SHAPES,
    **MODEL_SHAPES,
    **SPEND_SHAPES,
    **AUDIT_SHAPES,
    **CREDENTIAL_SHAPES,
    **CONFIGURATION_SHAPES,
    **CUSTOMER_SHAPES,
    **BUDGET_SHAPES,
}
"""By the route's name."""
