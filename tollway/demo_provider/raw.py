"""Endpoints that look at bytes alone: the echo and the upload."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from tollway.demo_provider.ask import RefusedError
from tollway.demo_provider.behaviour import Behaviour, UnknownBehaviourError, behaviour_of
from tollway.demo_provider.chat import BEHAVIOUR_HEADER
from tollway.demo_provider.counters import Call, Counters
from tollway.demo_provider.delivery import for_ever
from tollway.demo_provider.dialect import OPENAI, check_either_key
from tollway.demo_provider.openai import encode

_Action = Callable[[web.BaseRequest, Behaviour, Call], Awaitable[web.StreamResponse]]


class Raw:
    """Answers `/v1/echo` and `/v1/files`, in memory that does not grow with the body."""

    def __init__(self, counters: Counters, api_key: str | None) -> None:
        self._counters = counters
        self._api_key = api_key

    async def echo(self, request: web.BaseRequest) -> web.StreamResponse:
        """Send back the body as it arrives; method and path stand in headers."""
        return await self._counted(request, "(echo)", self._echo)

    async def upload(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer an upload's size and SHA-256."""
        return await self._counted(request, "(files)", self._upload)

    async def _counted(self, request: web.BaseRequest, name: str, action: _Action) -> web.StreamResponse:
        try:
            check_either_key(request.headers, self._api_key)
            behaviour = behaviour_of("", request.headers.get(BEHAVIOUR_HEADER, ""))
        except UnknownBehaviourError as error:
            return self._error(400, str(error))
        except RefusedError as error:
            return self._error(error.status, error.message)
        call = self._counters.begin(self._counters.new_id(), "raw", name)
        try:
            return await self._behave(request, behaviour, call, action)
        finally:
            self._counters.end(call, "cancelled")

    async def _behave(
        self, request: web.BaseRequest, behaviour: Behaviour, call: Call, action: _Action
    ) -> web.StreamResponse:
        if behaviour.drop:
            await self._disconnect(request, call)
        if behaviour.hang is not None:
            await for_ever()
        if behaviour.latency:
            await asyncio.sleep(behaviour.latency)
        if behaviour.error is not None:
            self._counters.end(call, "error")
            return _error(behaviour.error, f"The demo provider was asked to answer {behaviour.error}.")
        return await action(request, behaviour, call)

    async def _echo(self, request: web.BaseRequest, behaviour: Behaviour, call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers=_echo_headers(request))
        response.content_length = request.content_length
        await response.prepare(request)
        await self._copy(request, response, behaviour, call)
        await response.write_eof()
        self._counters.end(call, "finished")
        return response

    async def _copy(
        self, request: web.BaseRequest, response: web.StreamResponse, behaviour: Behaviour, call: Call
    ) -> None:
        written = 0
        async for piece in request.content.iter_any():
            if behaviour.silence is not None and written >= behaviour.silence:
                await for_ever()
            if behaviour.cut is not None and written >= behaviour.cut:
                await self._disconnect(request, call)
            await response.write(piece)
            written += 1

    async def _upload(self, request: web.BaseRequest, behaviour: Behaviour, call: Call) -> web.StreamResponse:
        digest, size = hashlib.sha256(), 0
        async for piece in request.content.iter_any():
            digest.update(piece)
            size += len(piece)
        body = {"id": f"file-{call.id}", "object": "file", "bytes": size, "sha256": digest.hexdigest()}
        self._counters.end(call, "finished")
        return web.Response(body=encode(body), content_type="application/json")

    async def _disconnect(self, request: web.BaseRequest, call: Call) -> None:
        self._counters.end(call, "cut")
        if request.transport is not None:
            request.transport.close()
        await for_ever()

    def _error(self, status: int, message: str) -> web.Response:
        self._counters.refused += 1
        return _error(status, message)


def _echo_headers(request: web.BaseRequest) -> dict[str, str]:
    headers = {"x-demo-method": request.method, "x-demo-path": request.raw_path}
    for name in ("Content-Type", "Content-Encoding"):
        if name in request.headers:
            headers[name] = request.headers[name]
    return headers


def _error(status: int, message: str) -> web.Response:
    body = OPENAI.error(status, message, None, None)
    return web.Response(status=status, body=body, content_type="application/json")
