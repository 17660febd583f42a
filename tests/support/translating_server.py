"""A server of one dialect over a provider of another: the translations with nothing else around them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from services.router.translate import Ask, translator
from services.router.translate.errors import retry_after_in
from shared.errors import Dialect, ProviderError, TollwayError, error_event, error_json

CREATED = 1_700_000_000
COST = 1.25e-05
"""What a stream through it cost, in dollars."""


@dataclass
class TranslatingServer:
    """A running server; `asks` are the requests that it sent on."""

    client: Dialect
    provider: Dialect
    provider_url: str
    url: str = ""
    asks: list[Ask] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request by asking the provider."""
        body = await request.read()
        fields = json.loads(body)
        translate = translator(self.client, self.provider)
        try:
            ask = translate.ask(body, fields["model"], stream=bool(fields.get("stream")))
            self.asks.append(ask)
            async with aiohttp.ClientSession() as session, session.post(self._address(ask), **_sent(ask)) as answer:
                if answer.status != 200:
                    headers = {name.lower(): value for name, value in answer.headers.items()}
                    raise translate.error(answer.status, await answer.read(), retry_after_in(headers))
                if ask.stream:
                    return await self._stream(request, ask, answer)
                whole = translate.whole(ask, await answer.read(), fields["model"], CREATED)
                return web.Response(body=whole.body, content_type="application/json")
        except TollwayError as error:
            shown = error.to_body()
            headers = {} if shown.retry_after is None else {"Retry-After": str(shown.retry_after)}
            text = error_json(shown, self.client)
            return web.Response(status=shown.status, body=text, content_type="application/json", headers=headers)

    async def _stream(self, request: web.Request, ask: Ask, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        reader = translator(self.client, self.provider).reader(ask, "group", CREATED)
        await response.prepare(request)
        try:
            try:
                async for piece in answer.content.iter_any():
                    await response.write(reader.feed(piece))
                    if reader.complete:
                        break
            except aiohttp.ClientPayloadError:
                pass
            reader.finish()
            await response.write(reader.last(COST))
        except ProviderError as error:
            await response.write(error_event(error.to_body(), self.client))
        await response.write_eof()
        return response

    def _address(self, ask: Ask) -> str:
        return self.provider_url + ("/v1" if self.provider == "openai" else "") + ask.path


def _sent(ask: Ask) -> dict[str, object]:
    headers = {
        "Authorization": "Bearer k",
        "x-api-key": "k",
        "anthropic-version": "2023-06-01",
        "Content-Type": "application/json",
    }
    return {"data": ask.body, "headers": headers}


@asynccontextmanager
async def translating_server(client: Dialect, provider: Dialect, provider_url: str) -> AsyncIterator[TranslatingServer]:
    """Serve a client dialect over a provider on a free port of the running loop."""
    server = TranslatingServer(client, provider, provider_url)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions" if client == "openai" else "/v1/messages", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
