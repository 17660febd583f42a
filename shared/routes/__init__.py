"""Every HTTP route with its policy; the edge serves them, auth enforces them, admin answers some of them."""

from shared.routes.llm import LLM_ROUTES
from shared.routes.management import MANAGEMENT_ROUTES
from shared.routes.policy import Policy, Route

ROUTES: dict[str, Route] = {route.name: route for route in (*LLM_ROUTES, *MANAGEMENT_ROUTES)}
"""All routes by name. Pass-through routes are made from the configuration; their policy is `PASSTHROUGH`."""

__all__ = ["LLM_ROUTES", "MANAGEMENT_ROUTES", "ROUTES", "Policy", "Route"]
