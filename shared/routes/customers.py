"""The `/customer` routes, which LiteLLM has under `/end_user` too."""

from shared.routes.personas import ADMINS_ONLY, SHOWN_TO_VIEWERS
from shared.routes.policy import Policy, Route


def _route(name: str, method: str, policy: Policy, summary: str) -> Route:
    return Route(f"customer_{name}", method, (f"/customer/{name}", f"/end_user/{name}"), policy, summary=summary)


CUSTOMER_ROUTES: tuple[Route, ...] = (
    _route("new", "POST", ADMINS_ONLY, "Make a customer: an end user whom requests name."),
    _route("update", "POST", ADMINS_ONLY, "Change a customer."),
    _route("info", "GET", SHOWN_TO_VIEWERS, "Tell about a customer, with its spend."),
    _route("list", "GET", SHOWN_TO_VIEWERS, "List customers, newest first."),
    _route("block", "POST", ADMINS_ONLY, "Refuse requests of customers."),
    _route("unblock", "POST", ADMINS_ONLY, "Let blocked customers be served again."),
    _route("delete", "POST", ADMINS_ONLY, "Delete customers."),
)
