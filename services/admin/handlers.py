"""From a stage message to a management request, and from its answer to the reply lane."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import msgspec
import structlog

from services.admin.callers import Callers
from services.admin.domain.requests import MAX_BODY_BYTES, Answer, Request, Streamed, read_body, read_path, read_query
from shared.bus.stage import Call
from shared.errors import BodyTooLarge, InternalError
from shared.offload import INLINE_LIMIT
from shared.routes import ROUTES
from shared.schemas.frames import Ending, Opening

log = structlog.get_logger(__name__)

Handler = Callable[[Request], Awaitable[Answer | Streamed]]

IGNORED_FIELDS = "x-tollway-ignored-fields"
"""The answer's header that names fields of the request that were kept and mean nothing here."""

_encode = msgspec.json.Encoder().encode


class Desk:
    """The stage's handler: a table from a route's name to what answers it."""

    def __init__(self, table: Mapping[str, Handler], callers: Callers) -> None:
        self._table = table
        self._callers = callers

    def handle(self, call: Call) -> Coroutine[None, None, None]:
        """Return the work of answering one request."""
        return self._answer(call, self._table[call.ctx.route])

    async def _answer(self, call: Call, handler: Handler) -> None:
        request = await self._request_of(call)
        answer = await handler(request)
        log.info("admin.answered", request_id=request.id, route=call.ctx.route, actor=request.actor_name)
        if isinstance(answer, Streamed):
            await _stream(call, answer)
            return
        call.lane.open(Opening(200, _headers(answer)))
        await call.lane.end(Ending(), _encode(answer.body))

    async def _request_of(self, call: Call) -> Request:
        ctx = call.ctx
        if ctx.principal is None:
            raise InternalError("the gateway failed to handle this request")
        is_read = ctx.method in ("GET", "HEAD")
        return Request(
            id=ctx.id,
            principal=ctx.principal,
            caller=await self._callers.of(ctx.principal),
            now=time.time(),
            path=read_path(ROUTES[ctx.route].paths, ctx.path),
            query=read_query(ctx.query),
            body={} if is_read else await _read(await _body(call)),
            client=ctx.client,
        )


async def _stream(call: Call, answer: Streamed) -> None:
    disposition = f'attachment; filename="{answer.filename}"'
    call.lane.open(Opening(200, (("content-type", answer.content_type), ("content-disposition", disposition))))
    async for piece in answer.pieces:
        await call.lane.send(piece)
    await call.lane.end(Ending())


async def _read(body: bytes) -> dict[str, Any]:
    """Return what a body says; a large one is read on a thread, so that nobody waits for it."""
    return read_body(body) if len(body) <= INLINE_LIMIT else await asyncio.to_thread(read_body, body)


async def _body(call: Call) -> bytes:
    """Return the body, unless it is too large to be worth fetching."""
    reference = call.ctx.body
    if reference is not None and reference.size > MAX_BODY_BYTES:
        raise BodyTooLarge(f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    return await call.read_body()


def _headers(answer: Answer) -> tuple[tuple[str, str], ...]:
    headers = (("content-type", "application/json"), *answer.headers)
    if answer.ignored:
        return (*headers, (IGNORED_FIELDS, ", ".join(answer.ignored)))
    return headers
