import openai
import pytest

from tests.unit.translate.behaviour import Behaviour, streamed_or_not
from tests.unit.translate.talkers import OpenAITalker

HELLO = [{"role": "user", "content": "Hello"}]


class TestOpenAIOverOpenAI(Behaviour):
    """The suite on this route."""

    client = "openai"
    provider = "openai"

    @streamed_or_not
    async def test_several_choices(self, talker: OpenAITalker, streamed: bool) -> None:
        """Each of `n` choices arrives and is counted."""
        said = await talker.say("demo;tokens=4", streamed=streamed, extra={"n": 3})
        texts = [choice.message.content for choice in said.raw.choices]
        assert (texts, said.output) == (["Hello from Tollway's demo "] * 3, 12)

    async def test_usage_that_nobody_asked_for(self, talker: OpenAITalker) -> None:
        """A client that did not ask for the usage sees no chunk without choices and no figures."""
        stream = await talker.sdk.chat.completions.create(model="demo", messages=HELLO, stream=True)
        assert [chunk async for chunk in stream if chunk.usage is not None or not chunk.choices] == []

    async def test_what_the_provider_does_not_know(self, talker: OpenAITalker) -> None:
        """An unknown field reaches the provider, whose refusal comes back with its words."""
        with pytest.raises(openai.BadRequestError, match="Unrecognized request argument supplied: odd") as caught:
            await talker.say("demo", streamed=False, extra={"extra_body": {"odd": 1}})
        assert (caught.value.param, caught.value.code) == ("odd", "unknown_parameter")
