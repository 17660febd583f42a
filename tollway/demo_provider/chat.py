"""The handler behind `/v1/chat/completions` and `/v1/messages`."""

import msgspec
from aiohttp import web

from tollway.demo_provider.ask import Ask, RefusedError
from tollway.demo_provider.behaviour import Behaviour, UnknownBehaviourError, behaviour_of
from tollway.demo_provider.counters import Counters
from tollway.demo_provider.delivery import Delivery
from tollway.demo_provider.dialect import Dialect
from tollway.demo_provider.plan import Reply
from tollway.demo_provider.text import answer_for
from tollway.demo_provider.usage import Usage, usage_of

BEHAVIOUR_HEADER = "x-demo-behaviour"


class Chat:
    """Answers chat requests in one dialect."""

    def __init__(self, dialect: Dialect, counters: Counters, api_key: str | None) -> None:
        self._dialect = dialect
        self._counters = counters
        self._api_key = api_key

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        try:
            return await self._answer(request)
        except UnknownBehaviourError as error:
            return self._refusal(RefusedError(400, str(error), param="model"))
        except RefusedError as error:
            return self._refusal(error)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = request.headers
        self._dialect.check_key(headers, self._api_key)
        self._dialect.check_headers(headers)
        header = headers.get(BEHAVIOUR_HEADER, "")
        if "hang=connect" in header:
            return await self._hang_unread(request, header)
        body = await request.read()
        ask = self._dialect.ask_in(body, header)
        behaviour = self._behaviour(ask.model, header)
        call_id = self._counters.new_id()
        reply = self._reply(ask, behaviour, _shown(behaviour, request, body), call_id)
        call = self._counters.begin(call_id, self._dialect.name, ask.model, stream=ask.stream, nonce=ask.nonce)
        return await Delivery(request, self._dialect, behaviour, call, self._counters).send(reply)

    def _behaviour(self, model: str, header: str) -> Behaviour:
        behaviour = behaviour_of(model, header)
        if behaviour.first is None or self._counters.is_fault_due(f"{model}\n{header}", behaviour.first):
            return behaviour
        return behaviour.without_faults()

    def _reply(self, ask: Ask, behaviour: Behaviour, shown: str, call_id: str) -> Reply:
        answer = answer_for(ask, behaviour, shown)
        usage = usage_of(ask, behaviour, answer)
        if ask.stream:
            return Reply(usage, stream=self._dialect.stream(ask, behaviour, answer, usage, call_id))
        return Reply(usage, body=self._dialect.whole(ask, behaviour, answer, usage, call_id))

    async def _hang_unread(self, request: web.BaseRequest, header: str) -> web.StreamResponse:
        call = self._counters.begin(self._counters.new_id(), self._dialect.name, "(unread)")
        delivery = Delivery(request, self._dialect, behaviour_of("", header), call, self._counters)
        return await delivery.send(Reply(Usage()))

    def _refusal(self, error: RefusedError) -> web.Response:
        self._counters.refused += 1
        body = self._dialect.error(error.status, error.message, error.param, error.code)
        return web.Response(status=error.status, body=body, content_type="application/json")


def _shown(behaviour: Behaviour, request: web.BaseRequest, body: bytes) -> str:
    if behaviour.show == "body":
        return body.decode(errors="replace")
    if behaviour.show == "headers":
        return msgspec.json.encode([(str(name), value) for name, value in request.headers.items()]).decode()
    return ""
