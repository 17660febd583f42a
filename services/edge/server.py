"""aiohttp's HTTP server, with answers of ours to what is not HTTP.

Its own answer quotes the line that it cannot read, and its log does too: that line may hold a key.
"""

import asyncio

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from services.edge.domain.answers import id_headers
from services.edge.domain.labels import new_request_id
from shared.errors import InternalError, InvalidRequest, TollwayError, error_json

log = structlog.get_logger(__name__)


class Runner(web.AppRunner):
    """Runs the application on connections that answer as every route does."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=asyncio.get_running_loop(),
            **made._kwargs,
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


HEAD_SECONDS = 30.0
"""How long a new connection may take to send the head of its first request."""


class _Connection(web.RequestHandler):
    _impatience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, but not for ever: aiohttp's own limit begins after the first one."""
        super().connection_made(transport)
        self._impatience = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop waiting."""
        if self._impatience is not None:
            self._impatience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self._request_count == 0 and self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what cannot be read, or to a fault of ours outside of every route; then hang up."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, and no other can follow it")
        error = _fault(exc) if status >= 500 else _unreadable(exc, message or "")
        body = error.to_body()
        id = new_request_id()
        log.info("edge.request_unreadable", request_id=id, error=type(exc).__name__, status=body.status)
        response = web.Response(
            status=body.status,
            body=error_json(body, "openai", id),
            content_type="application/json",
            headers=id_headers(id, ""),
        )
        response.force_close()
        return response


def _fault(error: BaseException | None) -> TollwayError:
    log.error("edge.fault", exc_info=error)
    return InternalError("The gateway failed to handle this request.")


def _unreadable(error: BaseException | None, message: str) -> TollwayError:
    if isinstance(error, LineTooLong) or message.startswith("Too many headers"):
        return InvalidRequest("The request's head is too large.", status=431)
    return InvalidRequest("The request is not HTTP that can be read.")
