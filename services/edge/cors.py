"""Cross-origin requests from browsers, for the origins that the operator names; none by default."""

from aiohttp import web
from aiohttp.typedefs import Handler

MAX_AGE = "600"
"""Seconds for which a browser may remember the answer to its preflight request."""

METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"

EXPOSED = (
    "x-request-id, x-tollway-cost, x-tollway-model-id, x-tollway-attempts, x-tollway-error-source, "
    "x-tollway-ignored-fields, x-tollway-unknown-models, retry-after"
)


def allow_origins(app: web.Application, origins: tuple[str, ...]) -> None:
    """Answer preflight requests of these origins (`*` is any) and mark answers to them as readable."""
    allowed = frozenset(origins)

    async def mark(request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get("origin")
        if origin is not None and (origin in allowed or "*" in allowed):
            response.headers["access-control-allow-origin"] = origin
            response.headers["access-control-expose-headers"] = EXPOSED
            response.headers["vary"] = "origin"

    @web.middleware
    async def preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
            return await handler(request)
        response = web.Response(status=204)
        if request.headers.get("origin") in allowed or "*" in allowed:
            response.headers["access-control-allow-methods"] = METHODS
            response.headers["access-control-allow-headers"] = request.headers.get("access-control-request-headers", "")
            response.headers["access-control-max-age"] = MAX_AGE
        return response

    app.on_response_prepare.append(mark)
    # Not a route: browsers send no key with these, and some paths take every method.
    app.middlewares.append(preflight)
