"""What the edge answers while it has no broker yet: that it lives, and what is missing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from services.edge.domain.answers import error_headers, id_headers
from services.edge.domain.labels import new_request_id
from services.edge.health import OURS, SILENT_BROKER
from services.edge.listening import listen
from services.edge.server import Runner
from shared.errors import Dialect, Unavailable, error_json
from shared.settings import Runtime


@asynccontextmanager
async def waiting(runtime: Runtime) -> AsyncIterator[None]:
    """Answer probes, and everything else with 503, until left; then the address is free again."""
    app = web.Application()
    for name in ("liveliness", "liveness"):
        app.router.add_get(f"/health/{name}", _alive)
    app.router.add_get("/health/readiness", _unready)
    app.router.add_route("*", r"/{tail:[\s\S]*}", _refused)
    runner = Runner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await listen(runner, runtime)
        yield
    finally:
        await runner.cleanup()


async def _alive(_: web.Request) -> web.Response:
    return web.json_response("I'm alive!", headers=OURS)


async def _unready(_: web.Request) -> web.Response:
    body = {"status": "unhealthy", "missing": [SILENT_BROKER], "absent": [], "workers": {}}
    return web.json_response(body, status=503, headers=OURS)


async def _refused(request: web.Request) -> web.Response:
    dialect: Dialect = "anthropic" if request.path.endswith("/messages") else "openai"
    error, id = Unavailable(SILENT_BROKER, retry_after=1).to_body(), new_request_id()
    return web.Response(
        status=error.status,
        body=error_json(error, dialect, id),
        content_type="application/json",
        headers=id_headers(id, "") | error_headers(error) | {"connection": "close"},
    )
