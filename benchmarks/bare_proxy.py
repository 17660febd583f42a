"""The yardstick: what a reverse proxy costs that does nothing but pass requests on.

One process, uvloop, `web.Application` with one handler, a shared `ClientSession`. With `--stream` the handler
passes the answer on as it comes, which is the yardstick of streams.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import uvloop
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def whole(session: aiohttp.ClientSession, target: str) -> web.Application:
    """Return the proxy that reads the body, posts it and returns the answer."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        async with session.post(target, data=body, headers={"Content-Type": "application/json"}) as answer:
            return web.Response(
                body=await answer.read(), status=answer.status, headers={"Content-Type": answer.content_type}
            )

    return _application(handle)


def streaming(session: aiohttp.ClientSession, target: str) -> web.Application:
    """Return the proxy that passes on each piece of the answer as it comes."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with session.post(target, data=body, headers={"Content-Type": "application/json"}) as answer:
            out = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await out.prepare(request)
            async for piece in answer.content.iter_any():
                await out.write(piece)
            await out.write_eof()
            return out

    return _application(handle)


def _application(handle: Handler) -> web.Application:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handle)
    return app


async def serve(target: str, *, stream: bool) -> None:
    """Print the port and pass requests on until the process is ended."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
        runner = web.AppRunner((streaming if stream else whole)(session, target), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="URL of the upstream's chat completions")
    parser.add_argument("--stream", action="store_true")
    options = parser.parse_args()
    uvloop.run(serve(options.target, stream=options.stream))


if __name__ == "__main__":
    main()
