import openai
import pytest

from tests.support.translating_server import CREATED, TranslatingServer
from tests.unit.translate.behaviour import Behaviour, streamed_or_not
from tests.unit.translate.talkers import OpenAITalker
from tollway.demo_provider.anthropic import SIGNATURE

HELLO = [{"role": "user", "content": "Hello"}]


class TestOpenAIOverAnthropic(Behaviour):
    """The suite on this route."""

    client = "openai"
    provider = "anthropic"

    @streamed_or_not
    async def test_several_choices(self, talker: OpenAITalker, server: TranslatingServer, streamed: bool) -> None:
        """Anthropic answers once, so more than one choice is refused by name and nothing is sent."""
        with pytest.raises(openai.BadRequestError) as caught:
            await talker.say("demo", streamed=streamed, extra={"n": 3})
        assert (caught.value.param, server.asks) == ("n", [])

    async def test_usage_that_nobody_asked_for(self, talker: OpenAITalker) -> None:
        """A client that did not ask for the usage sees no chunk without choices and no figures."""
        stream = await talker.sdk.chat.completions.create(model="demo", messages=HELLO, stream=True)
        assert [chunk async for chunk in stream if chunk.usage is not None or not chunk.choices] == []

    @streamed_or_not
    async def test_thinking_is_signed(self, talker: OpenAITalker, server: TranslatingServer, streamed: bool) -> None:
        """The signature of a thinking block reaches the client, and goes back to the provider with the answer."""
        wishes = {"streamed": streamed, "tools": ["one"], "think": True, "max_tokens": 4000}
        said = await talker.say("demo;tools=1", **wishes)
        assert said.signature == SIGNATURE
        await talker.say("demo", **wishes, turns=talker.tool_turns(said, "done"))
        sent = self.sent(server)
        assert sent["messages"][1]["content"][0] == {
            "type": "thinking",
            "thinking": said.thought,
            "signature": SIGNATURE,
        }
        assert sent["thinking"] == {"type": "enabled", "budget_tokens": 1024}

    @streamed_or_not
    async def test_head(self, talker: OpenAITalker, streamed: bool) -> None:
        """The answer has an id of OpenAI's kind, the time that was given and the model that answered."""
        raw = (await talker.say("demo;tokens=1", streamed=streamed)).raw
        assert raw.id.startswith("chatcmpl-")
        assert (raw.created, raw.model) == (CREATED, "demo;tokens=1")
