"""The demo provider put together: its routes, its server and its life."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvloop
from aiohttp import web

from tollway.demo_provider.catalog import Catalog
from tollway.demo_provider.chat import Chat
from tollway.demo_provider.counters import Counters
from tollway.demo_provider.dialect import ANTHROPIC, OPENAI
from tollway.demo_provider.inspection import Inspection
from tollway.demo_provider.raw import Raw

MAX_BODY = 64 * 1024 * 1024
"""Bytes of the largest chat request; echo and upload have no limit."""

BACKLOG = 4_096

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class DemoProvider:
    """A running demo provider: `url` has neither path nor slash at its end."""

    url: str
    counters: Counters


def routes(counters: Counters, api_key: str | None) -> dict[tuple[str, str], Handler]:
    """Return the handler of each method and path; the method `*` stands for all."""
    raw, inspection, catalog = Raw(counters, api_key), Inspection(counters), Catalog(api_key)
    return {
        ("POST", "/v1/chat/completions"): Chat(OPENAI, counters, api_key),
        ("POST", "/v1/messages"): Chat(ANTHROPIC, counters, api_key),
        ("GET", "/v1/models"): catalog,
        ("POST", "/v1/files"): raw.upload,
        ("*", "/v1/echo"): raw.echo,
        ("GET", "/_demo/stats"): inspection.stats,
        ("GET", "/_demo/calls"): inspection.calls,
        ("POST", "/_demo/reset"): inspection.reset,
    }


def dispatcher(counters: Counters, api_key: str | None) -> Handler:
    """Return the handler of every request, which finds the route's own."""
    table = routes(counters, api_key)
    echo, model = table["*", "/v1/echo"], table["GET", "/v1/models"]

    def found(method: str, path: str) -> Handler | None:
        if path == "/v1/echo" or path.startswith("/v1/echo/"):
            return echo
        if path.startswith("/v1/models/") and method == "GET":
            return model
        return table.get((method, path))

    async def dispatch(request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if not path.startswith("/_demo/"):
            counters.requests += 1
        try:
            if "Expect" in request.headers:
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            handler = found(request.method, path)
            if handler is not None:
                return await handler(request)
        except ConnectionError:
            # The server takes a cancelled handler for a client that left, and anything else for a fault.
            raise asyncio.CancelledError from None
        return _not_found(request.method, path, known=any(path == other for _, other in table))

    return dispatch


def _not_found(method: str, path: str, *, known: bool) -> web.Response:
    status = 405 if known else 404
    body = OPENAI.error(status, f"Unknown request URL: {method} {path}.", None, "unknown_url")
    return web.Response(status=status, body=body, content_type="application/json")


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)


@asynccontextmanager
async def demo_provider(
    host: str = "127.0.0.1", port: int = 0, api_key: str | None = None
) -> AsyncIterator[DemoProvider]:
    """Serve the demo provider on the running loop, on a free port unless one is given; raises OSError."""
    counters = Counters()
    server = web.Server(
        dispatcher(counters, api_key),
        request_factory=_request,
        handler_cancellation=True,
        access_log=None,
        auto_decompress=False,
    )
    runner = web.ServerRunner(server, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        address = runner.addresses[0]
        name = f"[{address[0]}]" if ":" in address[0] else address[0]
        yield DemoProvider(f"http://{name}:{address[1]}", counters)
    finally:
        await runner.cleanup()


async def _run(host: str, port: int, api_key: str | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with demo_provider(host, port, api_key) as provider:
        print(f"The demo provider listens on {provider.url}", flush=True)
        await stop.wait()


def run(host: str, port: int, api_key: str | None = None) -> None:
    """Serve the demo provider until SIGINT or SIGTERM; exits with one sentence when it cannot listen."""
    try:
        uvloop.run(_run(host, port, api_key))
    except OSError as error:
        sys.exit(f"The demo provider cannot listen on {host}:{port}: {error.strerror or error}.")
