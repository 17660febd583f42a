"""Where the edge listens: on the supervisor's socket, or on an address of its own."""

import os
import socket

from aiohttp import web

from shared.errors import TollwayError
from shared.settings import Runtime


async def listen(runner: web.AppRunner, runtime: Runtime) -> web.BaseSite:
    """Take connections from now on; raises `TollwayError` where the address cannot be had.

    The supervisor's socket stays open when the site stops: it is listened on again.
    """
    server = runtime.configuration.server
    site: web.BaseSite
    if runtime.listen_fd is not None:
        site = web.SockSite(runner, socket.socket(fileno=os.dup(runtime.listen_fd)), backlog=1024)
    else:
        site = web.TCPSite(runner, server.host, server.port, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        raise TollwayError(f"cannot listen on {server.host}:{server.port}: {error.strerror}") from None
    return site
