"""The management routes, under LiteLLM's names; each subject has a file of its own."""

from shared.routes.audit import AUDIT_ROUTES
from shared.routes.budgets import BUDGET_ROUTES
from shared.routes.configuration import CONFIGURATION_ROUTES
from shared.routes.credentials import CREDENTIAL_ROUTES
from shared.routes.customers import CUSTOMER_ROUTES
from shared.routes.keys import KEY_ROUTES
from shared.routes.models import MODEL_ROUTES
from shared.routes.people import PEOPLE_ROUTES
from shared.routes.policy import Route
from shared.routes.spend import SPEND_ROUTES

MANAGEMENT_ROUTES: tuple[Route, ...] = (
    *KEY_ROUTES,
    *PEOPLE_ROUTES,
    *MODEL_ROUTES,
    *SPEND_ROUTES,
    *AUDIT_ROUTES,
    *CREDENTIAL_ROUTES,
    *CONFIGURATION_ROUTES,
    *CUSTOMER_ROUTES,
    *BUDGET_ROUTES,
)
