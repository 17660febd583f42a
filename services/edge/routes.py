"""The table from HTTP paths to handlers. A route is here only if it has a policy (`shared.routes`)."""

import re

from aiohttp import web

from services.edge.docs import Docs
from services.edge.handlers import Gateway
from services.edge.health import Health
from services.edge.metrics import MetricsPage
from shared.routes import LLM_ROUTES, MANAGEMENT_ROUTES, Route
from shared.routes.passthrough import Endpoint

_ANYTHING = r"[\s\S]*"
"""A dot would not match a line break, and such a path would get aiohttp's own answer."""

_NAMED = re.compile(r"\{(\w+)\}")


def add_routes(
    app: web.Application,
    gateway: Gateway,
    health: Health,
    metrics: MetricsPage,
    docs: Docs,
    natives: tuple[Endpoint, ...],
) -> None:
    """Add every route to the server."""
    for route in LLM_ROUTES:
        handle = gateway.chat(route) if route.policy.model else gateway.plain(route)
        _add(app, route, handle)
    for route in MANAGEMENT_ROUTES:
        _add(app, route, gateway.plain(route))
    for endpoint in natives:
        handle = gateway.native(endpoint)
        app.router.add_route("*", endpoint.path, handle)
        app.router.add_route("*", f"{endpoint.path}/{{tail:{_ANYTHING}}}", handle)
    app.router.add_get("/health/liveliness", health.liveliness)
    app.router.add_get("/health/liveness", health.liveliness)
    app.router.add_get("/health/readiness", health.readiness)
    app.router.add_get("/metrics", metrics.scrape)
    app.router.add_get("/docs", docs.page)
    app.router.add_get("/openapi.json", docs.document)
    app.router.add_route("*", f"/{{tail:{_ANYTHING}}}", gateway.unknown)


def _add(app: web.Application, route: Route, handle: object) -> None:
    for path in route.paths:
        # Names of models may hold slashes; ids may hold all but those, which are written as %2F.
        pattern = path.replace("{model}", r"{model:[\s\S]+}")
        pattern = _NAMED.sub(r"{\1:[^/]+}", pattern)
        app.router.add_route(route.method, pattern, handle)  # type: ignore[arg-type]
