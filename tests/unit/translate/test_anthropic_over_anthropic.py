import aiohttp

from tests.support.translating_server import TranslatingServer
from tests.unit.translate.behaviour import Behaviour, streamed_or_not
from tests.unit.translate.talkers import Talker


class TestAnthropicOverAnthropic(Behaviour):
    """The suite on this route."""

    client = "anthropic"
    provider = "anthropic"

    @streamed_or_not
    async def test_no_usage(self, server: TranslatingServer, talker: Talker, streamed: bool) -> None:
        """An answer without usage passes as it is; Anthropic's own SDK would not take it."""
        asked = {"model": "demo;usage=none", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
        async with aiohttp.ClientSession() as http:
            async with http.post(f"{server.url}/v1/messages", json={**asked, "stream": streamed}) as answer:
                body = await answer.text()
        assert answer.status == 200
        assert ("Hello" in body, '"usage"' in body) == (True, False)
