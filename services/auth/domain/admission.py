"""May this caller do this? Pure decisions; every denial says why without telling what exists."""

from dataclasses import replace

import msgspec

from services.auth.domain.networks import covers
from services.auth.domain.standing import Standing
from shared.errors import Forbidden, Unauthenticated
from shared.routes import Policy
from shared.routes.access import may_call, routes_of
from shared.routes.llm import PREFIX
from shared.schemas.context import RequestContext

_SPEND_ROUTES = routes_of("global_spend_tracking_routes")


def check_usable(standing: Standing | None, now: float) -> Standing:
    """Return the standing if its key exists and works at `now` (Unix seconds).

    Raises `Unauthenticated`, or `Forbidden` where not the key is to blame.
    """
    if standing is None:
        raise Unauthenticated("The API key is not valid.")
    if standing.blocked:
        raise Unauthenticated("The API key is blocked.")
    if standing.expires is not None and now >= standing.expires:
        raise Unauthenticated("The API key has expired.")
    if standing.denied:
        raise Forbidden(standing.denied)
    return standing


def acting(standing: Standing, route: str) -> Standing:
    """Return the standing as it counts on a route: who may see what everybody spent looks at it as a viewer does."""
    if not standing.sees_spend or standing.principal.role == "proxy_admin" or route not in _SPEND_ROUTES:
        return standing
    return replace(standing, principal=msgspec.structs.replace(standing.principal, role="proxy_admin_viewer"))


def check_allowed(standing: Standing, policy: Policy, ctx: RequestContext) -> None:
    """Raise `Forbidden` unless the caller may call the matched route, from where it does."""
    if standing.principal.role not in policy.roles:
        raise Forbidden("This API key may not call this route.")
    if standing.allowed_routes and not may_call(standing.allowed_routes, ctx.route, ctx.path):
        raise Forbidden("This API key may not call this route.", code="route_not_allowed")
    if standing.guardrails and ctx.route.startswith(PREFIX):
        raise Forbidden("This API key needs guardrails, which do not read this route.", code="guardrail_missing")
    for networks in standing.networks:
        if not covers(networks, ctx.client):
            raise Forbidden("This API key may not be used from this address.", code="address_not_allowed")


def not_allowed(model: str) -> Forbidden:
    """Return the refusal of a model, by the name that the caller used."""
    return Forbidden(f"This API key may not use the model '{model}'.", param="model", code="model_not_allowed")
