"""What every pair of dialects must do; each route's test file inherits it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from shared.errors import Dialect
from tests.support.translating_server import TranslatingServer, translating_server
from tests.unit.translate.talkers import PDF, PIXEL, AnthropicTalker, OpenAITalker, Talker
from tollway.demo_provider import DemoProvider, demo_provider
from tollway.demo_provider.text import PLAIN

ERRORS = (openai.APIError, anthropic.APIError)

streamed_or_not = pytest.mark.parametrize("streamed", [False, True])


class Behaviour:
    """The suite; a subclass names the route."""

    client: Dialect
    provider: Dialect

    @pytest.fixture
    async def upstream(self) -> AsyncIterator[DemoProvider]:
        """Run the provider."""
        async with demo_provider() as provider:
            yield provider

    @pytest.fixture
    async def server(self, upstream: DemoProvider) -> AsyncIterator[TranslatingServer]:
        """Run the translation over it."""
        async with translating_server(self.client, self.provider, upstream.url) as server:
            yield server

    @pytest.fixture
    async def talker(self, server: TranslatingServer) -> AsyncIterator[Talker]:
        """Point the vendor's SDK at the translation."""
        talker = OpenAITalker(server.url) if self.client == "openai" else AnthropicTalker(server.url)
        async with talker.sdk:
            yield talker

    def sent(self, server: TranslatingServer) -> dict[str, Any]:
        """Return the body that the provider got last."""
        body: dict[str, Any] = json.loads(server.asks[-1].body)
        return body

    @streamed_or_not
    async def test_text(self, talker: Talker, streamed: bool) -> None:
        """A question is answered in words."""
        said = await talker.say("demo", streamed=streamed)
        assert (said.text, said.finish) == (PLAIN, "end")

    @streamed_or_not
    @pytest.mark.parametrize("prompt", ["Grüße aus Zürich 🏔️ — ½ \u2028 \\n \"'\x01", "data: x\n\nevent: y\n\n"])
    async def test_any_text_survives(self, talker: Talker, streamed: bool, prompt: str) -> None:
        """Text comes back as it went, wherever the network cuts it."""
        said = await talker.say("demo;echo", prompt, streamed=streamed)
        assert said.text == prompt

    @streamed_or_not
    async def test_system_prompt(self, talker: Talker, server: TranslatingServer, streamed: bool) -> None:
        """The system prompt reaches the provider in its own form and is counted."""
        plain = await talker.say("demo", streamed=streamed)
        said = await talker.say("demo", streamed=streamed, system="Be brief, and never lie.")
        assert said.input > plain.input
        assert "Be brief, and never lie." in server.asks[-1].body.decode()

    @streamed_or_not
    @pytest.mark.parametrize("image", [PIXEL, "https://example.com/cat.png"])
    async def test_images(self, talker: Talker, streamed: bool, image: str) -> None:
        """An image in the request or at an address is seen by the provider."""
        plain = await talker.say("demo", streamed=streamed)
        said = await talker.say("demo", streamed=streamed, image=image)
        assert said.input == plain.input + 85

    async def test_documents(self, talker: Talker) -> None:
        """A PDF in the request is seen by the provider."""
        plain = await talker.say("demo", streamed=False)
        said = await talker.say("demo", streamed=False, document=PDF)
        assert said.input == plain.input + 85

    @streamed_or_not
    async def test_tool_loop(self, talker: Talker, streamed: bool) -> None:
        """A demanded call arrives whole, and its result is answered in words."""
        said = await talker.say("demo", streamed=streamed, tools=["get_weather"], choice="any")
        assert (said.calls, said.finish) == ([("get_weather", {"city": "Zürich"})], "tools")
        turns = talker.tool_turns(said, "sunny, 21°")
        said = await talker.say("demo", streamed=streamed, tools=["get_weather"], turns=turns)
        assert (said.text, said.finish) == ("The tool answered: sunny, 21°", "end")

    @streamed_or_not
    async def test_parallel_calls(self, talker: Talker, streamed: bool) -> None:
        """Several calls arrive whole, in order, each with an id of its own, and several results go back."""
        said = await talker.say("demo;tools=3", streamed=streamed, tools=["one", "two"])
        assert [name for name, _ in said.calls] == ["one", "two", "one"]
        assert [arguments for _, arguments in said.calls] == [{"city": "Zürich"}] * 3
        assert len(set(said.call_ids)) == 3
        turns = talker.tool_turns(said, "first", "second", "third")
        said = await talker.say("demo", streamed=streamed, tools=["one", "two"], turns=turns)
        assert said.text == "The tool answered: third"

    @streamed_or_not
    async def test_no_parallel_calls(self, talker: Talker, streamed: bool) -> None:
        """A client that wants one call at a time gets one."""
        said = await talker.say("demo;tools=3", streamed=streamed, tools=["one", "two"], parallel=False)
        assert len(said.calls) == 1

    @streamed_or_not
    async def test_a_tool_by_name(self, talker: Talker, streamed: bool) -> None:
        """The tool that the client names is the one called."""
        said = await talker.say("demo", streamed=streamed, tools=["one", "two"], choice="two")
        assert [name for name, _ in said.calls] == ["two"]

    @pytest.mark.parametrize("choice", ["auto", "none"])
    async def test_tools_need_not_be_called(self, talker: Talker, choice: str) -> None:
        """Tools that need not or must not be called leave an answer in words."""
        said = await talker.say("demo", streamed=False, tools=["one"], choice=choice)
        assert (said.text, said.calls) == (PLAIN, [])

    @streamed_or_not
    async def test_stop_sequences(self, talker: Talker, streamed: bool) -> None:
        """The answer ends before a stop sequence."""
        said = await talker.say("demo", streamed=streamed, stop=["gateway"])
        assert (said.text, said.finish) == (PLAIN.partition("gateway")[0], "end")

    @streamed_or_not
    async def test_length(self, talker: Talker, streamed: bool) -> None:
        """The answer ends at the client's limit and says so."""
        said = await talker.say("demo", streamed=streamed, max_tokens=3)
        assert (said.text.strip(), said.finish, said.output) == ("Hello from Tollway's", "length", 3)

    @streamed_or_not
    async def test_usage(self, talker: Talker, streamed: bool) -> None:
        """Usage arrives with its cached and written parts, the same in each dialect."""
        said = await talker.say("demo;input=100;cached=40;cache_write=20;tokens=7", streamed=streamed)
        assert (said.input, said.cached, said.written, said.output) == (100, 40, 20, 7)

    @streamed_or_not
    async def test_no_usage(self, talker: Talker, streamed: bool) -> None:
        """An answer without usage is an answer all the same."""
        said = await talker.say("demo;usage=none", streamed=streamed)
        assert (said.text, said.output) == (PLAIN, 0)

    @streamed_or_not
    async def test_reasoning(self, talker: Talker, streamed: bool) -> None:
        """Reasoning comes apart from the words."""
        said = await talker.say("demo;reasoning=5", streamed=streamed)
        assert (said.text, said.thought.split()) == (PLAIN, ["The", "caller", "wants", "an", "answer,"])

    @streamed_or_not
    async def test_thinking_before_a_call(self, talker: Talker, streamed: bool) -> None:
        """A thinking model's call and its result make a loop; its thinking goes back with them where it can."""
        wishes = {"streamed": streamed, "tools": ["one"], "think": True, "max_tokens": 4000}
        said = await talker.say("demo;tools=1;reasoning=4", **wishes)
        turns = talker.tool_turns(said, "done")
        assert (await talker.say("demo", **wishes, turns=turns)).text == "The tool answered: done"

    @streamed_or_not
    @pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
    async def test_provider_errors(self, talker: Talker, streamed: bool, status: int) -> None:
        """A provider's error keeps its status, its message and its advice to wait."""
        with pytest.raises(ERRORS) as caught:
            await talker.say(f"demo;error={status};retry_after=7", streamed=streamed)
        assert caught.value.status_code == status
        assert f"was asked to answer {status}" in str(caught.value)
        assert float(caught.value.response.headers["retry-after"]) == 7

    @pytest.mark.parametrize("status", [401, 403])
    async def test_the_operators_credential(self, talker: Talker, status: int) -> None:
        """A refused credential of the operator's is not taken for the caller's."""
        with pytest.raises(ERRORS) as caught:
            await talker.say(f"demo;error={status}", streamed=False)
        assert "refused Tollway's credential" in str(caught.value)

    @pytest.mark.parametrize("fault", ["cut=3", "garbage=3", "error_after=3", "cut=0", "error_event"])
    async def test_broken_streams(self, talker: Talker, fault: str) -> None:
        """A stream that breaks is an error to the client, never a short answer."""
        with pytest.raises(ERRORS):
            await talker.say(f"demo;{fault}", streamed=True)

    async def test_an_error_in_place_of_an_answer(self, talker: Talker) -> None:
        """An error under status 200 is an error."""
        with pytest.raises(ERRORS) as caught:
            await talker.say("demo;error_after=0;error=429", streamed=False)
        assert caught.value.status_code == 429

    @pytest.mark.parametrize("fault", ["garbage=0", "garbage=60"])
    async def test_garbage_in_place_of_an_answer(self, talker: Talker, fault: str) -> None:
        """An answer that is no JSON is an error, and its bytes go nowhere."""
        with pytest.raises(ERRORS) as caught:
            await talker.say(f"demo;{fault}", streamed=False)
        assert caught.value.status_code == 502

    @streamed_or_not
    async def test_our_own_fields_stay_here(self, talker: Talker, server: TranslatingServer, streamed: bool) -> None:
        """The gateway's fields never reach the provider, which refuses what it does not know."""
        own = {
            "guardrails": ["pii"], "cache": {"no-cache": True}, "tags": ["a", "b"], "fallbacks": ["x"],
            "priority": 3, "num_retries": 2,
        }  # fmt: skip
        said = await talker.say("demo", streamed=streamed, user="u1", extra={"extra_body": own})
        assert said.text == PLAIN
        found = server.asks[-1].own
        assert (found.tags, found.num_retries, found.end_user) == (("a", "b"), 2, "u1")

    async def test_the_user_goes_on(self, talker: Talker, server: TranslatingServer) -> None:
        """Who is asking reaches the provider under its own name for it."""
        await talker.say("demo", streamed=False, user="u1")
        sent = self.sent(server)
        assert (sent["user"] if self.provider == "openai" else sent["metadata"]["user_id"]) == "u1"

    @streamed_or_not
    async def test_refusals(self, talker: Talker, streamed: bool) -> None:
        """A refusal of the provider's is one to the client."""
        reason = "content_filter" if self.provider == "openai" else "refusal"
        said = await talker.say(f"demo;finish={reason}", streamed=streamed)
        assert said.finish == "refused"
