"""The management routes, under LiteLLM's names; each subject has a file of its own."""

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
)
