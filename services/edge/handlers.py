"""From an HTTP request to a stage message, and from the reply lane to the HTTP answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from services.edge.domain.answers import answer_headers, error_headers, id_headers
from services.edge.domain.bodies import read_chat_body
from services.edge.domain.clients import client_address
from services.edge.domain.credentials import find_key, is_jwt
from services.edge.domain.encodings import decoded
from services.edge.domain.labels import (
    accepted_label,
    named_end_user,
    new_request_id,
    readable,
    wanted_tags,
    wanted_team,
    wanted_timeout,
)
from services.edge.facts import CLIENT, CODE, HELD, ID, LABEL, RECEIVED
from services.edge.forwarding import arriving, as_it_came
from services.edge.leases import Leases
from services.edge.relay import Relay
from services.edge.request_log import RequestLog
from services.edge.room import Room
from services.edge.upload import ArrivingUpload
from services.edge.written import Headers, whole_answer
from shared.bus.beats import SEND_WITHIN
from shared.bus.bodies import BodyShelf
from shared.bus.credit import ANSWER_WINDOW, TRANSFER_WINDOW
from shared.bus.group_commit import EventWriter
from shared.bus.lane_reader import Lanes
from shared.bus.stage import Stage, fits_inline, with_body
from shared.bus.worker import Worker
from shared.errors import (
    BodyTooLarge,
    ClientGone,
    Dialect,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    TollwayError,
    Unavailable,
    UnsupportedMediaType,
    error_json,
)
from shared.offload import INLINE_LIMIT, Offload, Pieces
from shared.routes import Route
from shared.routes.passthrough import Endpoint
from shared.schemas.context import RequestContext
from shared.security.keys import key_digest
from shared.settings.server import ServerSettings

log = structlog.get_logger(__name__)

HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FORWARDED_HEADERS = ("anthropic-beta", "anthropic-version", "openai-beta", "x-demo-behaviour")
"""Headers that a provider may get to see; each provider's file in the router says which of them it takes."""


class Gateway:
    """The handlers of all routes that lead to a stage."""

    def __init__(
        self,
        worker: Worker,
        sender: Stage,
        lanes: Lanes,
        leases: Leases,
        shelf: BodyShelf,
        writer: EventWriter,
        offload: Offload,
        settings: ServerSettings,
        *,
        log_requests: bool = False,
        takes_tokens: bool = False,
    ) -> None:
        self._worker = worker
        self._takes_tokens = takes_tokens
        self._log = RequestLog(every=log_requests)
        self._sender = sender
        self._lanes = lanes
        self._leases = leases
        self._shelf = shelf
        self._writer = writer
        self._offload = offload
        self._settings = settings
        self._room = Room(settings.max_held_bytes)
        self.in_flight = 0
        self.draining = False
        """True while this process stops: requests on open connections are served, and the connections closed."""

    def chat(self, route: Route) -> HttpHandler:
        """Return the handler of a route whose body is a chat request."""

        async def handle(request: web.Request) -> web.StreamResponse:
            key = find_key(request.headers, self._settings.key_header)
            _check_content_type(request)
            body = await self._read(request)
            if encoding := request.headers.get("content-encoding"):
                # A few bytes may unpack to megabytes, which would hold the loop; zlib lets go of the lock.
                body = await asyncio.to_thread(decoded, body, encoding, self._settings)
                request[HELD] = request.get(HELD, 0) + self._room.take(len(body))
            facts = await self._offload.run(read_chat_body, body, route.dialect)
            ctx = self._context(request, route, key, model=facts.model, stream=facts.stream)
            return await self._relay(request, ctx, body)

        return self._guarded(route.name, route.dialect, handle)

    def plain(self, route: Route) -> HttpHandler:
        """Return the handler of a route whose body, if any, its last stage reads."""

        async def handle(request: web.Request) -> web.StreamResponse:
            key = find_key(request.headers, self._settings.key_header)
            body = await self._read(request)
            ctx = self._context(request, route, key, model=request.match_info.get("model", ""))
            return await self._relay(request, ctx, body)

        return self._guarded(route.name, route.dialect, handle)

    def native(self, endpoint: Endpoint) -> HttpHandler:
        """Return the handler of a pass-through route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            key = find_key(request.headers, self._settings.key_header)
            ctx = self._context(request, endpoint.route, key, window=TRANSFER_WINDOW)
            ctx = as_it_came(request, ctx, endpoint, self._settings)
            arrival = await arriving(request, self._settings)
            relay = self._new_relay(ctx)
            if arrival.upload is None:
                return await relay.answer(request, ctx, arrival.body)
            ref = self._shelf.keep_upload(ctx.id, arrival.upload)
            try:
                return await relay.answer(request, with_body(ctx, ref), b"", may_repeat=arrival.may_repeat)
            finally:
                self._shelf.drop(ctx.id)

        return self._guarded(endpoint.route.name, endpoint.route.dialect, handle)

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        """Answer paths that do not exist."""
        dialect: Dialect = "anthropic" if request.path.endswith("/messages") else "openai"

        async def handle(_: web.Request) -> web.StreamResponse:
            allowed = sorted(_allowed_methods(request))
            if allowed:
                raise MethodNotAllowed(f"This path takes {', '.join(allowed)} only.")
            raise NotFound(f"There is no path '{request.path[:200]}'.{_hint(request.path)}")

        return await self._guarded("unknown", dialect, handle)(request)

    def _guarded(self, route: str, dialect: Dialect, handle: HttpHandler) -> HttpHandler:
        metrics = self._worker.metrics

        async def guarded(request: web.Request) -> web.StreamResponse:
            request[RECEIVED] = time.time()
            request[ID] = new_request_id()
            request[LABEL] = accepted_label(request.headers.get("x-request-id"))
            request[CLIENT] = client_address(
                request.remote or "", request.headers.getall("x-forwarded-for", ()), self._settings.trusted_proxies
            )
            if self.in_flight >= self._settings.max_in_flight:
                busy = Overloaded("the gateway is at its limit of requests; try again shortly", retry_after=1)
                metrics.shed()
                return self._refused(request, dialect, busy)
            self.in_flight += 1
            status = ClientGone.status
            try:
                response = await self._answered(request, dialect, handle)
                status = response.status
            finally:
                self.in_flight -= 1
                if HELD in request:
                    self._room.give_back(request[HELD])
                seconds = time.time() - request[RECEIVED]
                metrics.request_ended(route, status, seconds)
                self._log.ended(request, route, status, seconds)
            return response

        return guarded

    async def _answered(self, request: web.Request, dialect: Dialect, handle: HttpHandler) -> web.StreamResponse:
        try:
            return await handle(request)
        except TollwayError as error:
            return self._refused(request, dialect, error)
        except ConnectionError:
            # The client is gone; aiohttp would log a stack trace for each. This answer goes nowhere.
            return web.Response(status=ClientGone.status)
        except Exception:
            log.exception("edge.fault", request_id=request[ID])
            return self._refused(request, dialect, InternalError("The gateway failed to handle this request."))

    def _refused(self, request: web.Request, dialect: Dialect, error: TollwayError) -> web.Response:
        body = error.to_body()
        request[CODE] = body.code
        return web.Response(
            status=body.status,
            body=error_json(body, dialect, request[ID]),
            content_type="application/json",
            headers=id_headers(request[ID], request[LABEL]) | error_headers(body),
        )

    async def _read(self, request: web.Request) -> bytes:
        length = request.content_length
        limit = self._settings.max_body_bytes
        if length is not None and length > limit:
            raise BodyTooLarge(f"The request body is larger than {limit} bytes.")
        upload = ArrivingUpload(request.content, limit)
        end = request[RECEIVED] + self._settings.request_timeout
        if length is not None and length <= INLINE_LIMIT:
            return await upload.whole(end)
        body = Pieces()
        request[HELD] = 0
        while piece := await upload.next(end):
            request[HELD] += self._room.take(len(piece))
            body.add(piece)
        return await body.whole()

    @property
    def held_bytes(self) -> int:
        """Bytes of large bodies that are held now."""
        return self._room.held

    def _context(
        self,
        request: web.Request,
        route: Route,
        key: str,
        *,
        model: str = "",
        stream: bool = False,
        window: int = ANSWER_WINDOW,
    ) -> RequestContext:
        if not self._worker.responsive:
            raise Unavailable("the gateway is cut off from its workers; try again shortly", retry_after=2)
        request_id = request[ID]
        received = request[RECEIVED]
        is_token = self._takes_tokens and is_jwt(key)
        return RequestContext(
            id=request_id,
            lane=self._lanes.subject(request_id),
            edge=self._lanes.prefix,
            route=route.name,
            dialect=route.dialect,
            deadline=received + wanted_timeout(request.headers, self._settings.request_timeout),
            send_by=received + SEND_WITHIN,
            received=received,
            credit=self._lanes.window(window),
            next=route.policy.next,
            stream=stream,
            model=model,
            label=request[LABEL],
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            headers=tuple(
                (name, readable(request.headers[name])) for name in FORWARDED_HEADERS if name in request.headers
            ),
            client=request[CLIENT],
            credential=key_digest(key),
            bearer=key if is_token else "",
            wanted_team=wanted_team(request.headers) if is_token else "",
            end_user=named_end_user(request.headers),
            tags=wanted_tags(request.headers),
        )

    def _new_relay(self, ctx: RequestContext) -> Relay:
        ping = self._settings.sse_ping_seconds
        whole = self._whole
        return Relay(self._worker, self._sender, self._lanes, self._leases, self._writer, whole, ping, ctx.id)

    def _whole(
        self, request: web.Request, status: int, ours: dict[str, str], theirs: Headers, body: bytes
    ) -> web.StreamResponse:
        if self.draining or self._settings.cors_origins:
            # Something is to be added to its headers when they are prepared.
            return web.Response(status=status, body=body, headers=answer_headers(ours, theirs))
        return whole_answer(request, status, ours, theirs, body)

    async def _relay(self, request: web.Request, ctx: RequestContext, body: bytes) -> web.StreamResponse:
        relay = self._new_relay(ctx)
        if fits_inline(body):
            return await relay.answer(request, ctx, body)
        try:
            return await relay.answer(request, with_body(ctx, self._shelf.keep(ctx.id, body)), b"")
        finally:
            self._shelf.drop(ctx.id)


def _hint(path: str) -> str:
    if path.startswith("/v1/v1/"):
        return " The base URL of Anthropic's SDK has no '/v1' at its end."
    if path.startswith("/v1/"):
        return " Other routes of the providers are under '/openai' and '/anthropic'."
    return ""


def _check_content_type(request: web.Request) -> None:
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise UnsupportedMediaType("The content type must be 'application/json'.")
    charset = request.charset
    if charset is not None and charset.lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("The body's charset must be UTF-8.")
    if "content-range" in request.headers:
        raise InvalidRequest("Partial bodies are not accepted.")


def _allowed_methods(request: web.Request) -> set[str]:
    return {
        route.method
        for resource in request.app.router.resources()
        for route in resource
        if route.method != "*" and resource.canonical == request.path
    }
