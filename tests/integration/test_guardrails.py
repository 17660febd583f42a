"""The guardrails stage on a real nats-server, between a stand-in for the edge and one for the router."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from services.guardrails.app import build
from shared.bus import subjects
from shared.bus.bodies import BodyShelf
from shared.bus.credit import ANSWER_WINDOW
from shared.bus.envelope import join
from shared.bus.lane_reader import HolderLost, Lane, Lanes
from shared.bus.setup import ensure_streams
from shared.bus.stage import Call, Stage
from shared.bus.worker import Worker
from shared.errors import ProviderError
from shared.schemas.context import Principal, RequestContext
from shared.schemas.events import Completion, CompletionsFinished
from shared.schemas.frames import Ending, FrameHeader, Opening, Sent
from shared.schemas.limits import Admitted
from shared.settings import Configuration, GuardrailSettings, Runtime
from shared.settings.bookkeeping import BillingSettings
from tests.support.haste import in_haste
from tests.unit.guardrails.making import anthropic_events, openai_events, openai_text

EVENTS = Opening(200, (("content-type", "text/event-stream"),))
JSON = Opening(200, (("content-type", "application/json"), ("content-length", "99")))
WORDS = {"name": "words", "type": "banned_words", "words": ("bomb", "time bomb"), "message": "Not here."}
MASK = {"name": "ssn", "type": "regex_mask", "patterns": (r"\b\d{3}-\d{2}-\d{4}\b",), "replacement": "#"}

Answer = Callable[[Call], Awaitable[None]]


@dataclass
class Router:
    """A router that answers as the test says, and remembers."""

    worker: Worker
    seen: list[tuple[RequestContext, bytes]] = field(default_factory=list)
    cancelled: int = 0
    answer: Answer | None = None

    async def handle(self, call: Call) -> None:
        """Note the request and answer it."""
        self.seen.append((call.ctx, await call.read_body()))
        try:
            assert self.answer is not None
            await self.answer(call)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def plays(self, events: list[bytes], *, ends: bool = True) -> None:
        """Stream these events, each as a frame, and then end, or wait for ever."""

        async def stream(call: Call) -> None:
            call.lane.open(EVENTS)
            for event in events:
                await call.lane.send(event)
            if not ends:
                await asyncio.Event().wait()
            await call.lane.end(Ending(cost=7))

        self.answer = stream

    def says(self, body: bytes, opening: Opening = JSON) -> None:
        """Answer with one body."""

        async def whole(call: Call) -> None:
            call.lane.open(opening)
            await call.lane.end(Ending(cost=7), body)

        self.answer = whole


@dataclass
class Stages:
    """The three stages."""

    edge: Worker
    sender: Stage
    lanes: Lanes
    shelf: BodyShelf
    guardrails: Worker
    router: Router
    leave_guardrails: Callable[[], Awaitable[None]]

    def ask(self, body: bytes, token: str = "r1", *, by_reference: bool = False, **facts: Any) -> Lane:
        """Send a request off, as auth would."""
        now = time.time()
        ctx = RequestContext(
            **{
                "id": token,
                "lane": self.lanes.subject(token),
                "edge": self.lanes.prefix,
                "route": "chat_completions",
                "dialect": "openai",
                "deadline": now + 60,
                "send_by": now + 60,
                "received": now,
                "credit": ANSWER_WINDOW,
                **facts,
            }
        )
        lane = self.lanes.open(token, ctx.credit)
        if by_reference:
            ctx = msgspec.structs.replace(ctx, body=self.shelf.keep(token, body))
        self.sender.forward("guardrails", ctx, body)
        return lane


@pytest.fixture
def stages(worker_on: Any, eventually: Any) -> Any:
    """Return a context manager that runs the three stages with these guardrails."""

    @asynccontextmanager
    async def run(*guardrails: dict[str, Any], **billing: Any) -> AsyncIterator[Stages]:
        configuration = Configuration(
            guardrails=tuple(GuardrailSettings(**each) for each in guardrails), billing=BillingSettings(**billing)
        )
        runtime = Runtime("guardrails", configuration, nats_url="")
        async with (
            worker_on("edge") as edge,
            worker_on("router") as router_worker,
            worker_on("guardrails") as worker,
            AsyncExitStack() as service,
        ):
            await ensure_streams(edge.bus)
            router = Router(router_worker)
            stage = Stage(router_worker, router.handle, max_in_hand=100)
            await stage.start()
            lanes, shelf = Lanes(edge), BodyShelf(edge)
            await lanes.start()
            await shelf.start()
            await service.enter_async_context(build(worker, runtime))
            for each in (edge, router_worker, worker):
                await each.bus.barrier()
                each.ready()
            await eventually(lambda: edge.address_of("guardrails") is not None)
            await eventually(lambda: worker.address_of("router") is not None)
            sender = Stage(edge, lambda call: None, max_in_hand=1)
            yield Stages(edge, sender, lanes, shelf, worker, router, service.aclose)
            with in_haste():
                await service.aclose()

    return run


async def read_all(lane: Lane) -> tuple[bytes, FrameHeader, Opening | None]:
    """Read a lane to its end; return the bytes, the last header and the opening."""
    received, opening = bytearray(), None
    while True:
        frame = await lane.next(60)
        assert frame is not None, "the lane fell silent"
        header, data = frame
        opening = opening or header.open
        received += data
        lane.consumed(len(data))
        if header.end is not None or header.error is not None:
            lane.close()
            return bytes(received), header, opening


async def stored(running: Stages) -> list[Completion]:
    """Return the completions that stand in the event stream now."""
    jetstream = running.edge.bus.jetstream
    found: list[Completion] = []
    for number in range(1, (await jetstream.stream_info(subjects.EVENT_STREAM)).state.last_seq + 1):
        message = await jetstream.get_msg(subjects.EVENT_STREAM, number)
        found += msgspec.json.decode(message.data or b"", type=CompletionsFinished).completions
    return found


def request(text: str, **more: Any) -> bytes:
    """Return a chat request."""
    return json.dumps(
        {"model": "m", "temperature": 0.10, "messages": [{"role": "user", "content": text}], **more}
    ).encode()


def answer(text: str) -> bytes:
    """Return a whole chat completion."""
    return json.dumps(
        {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}
    ).encode()


def events_of(data: bytes) -> list[dict[str, Any]]:
    """Return the JSON events of a stream."""
    return [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]


async def test_without_guardrails_a_request_passes_untouched(stages: Any) -> None:
    """Context and body reach the router as they came, and the answer goes past this stage."""
    async with stages() as running:
        running.router.says(answer("hello"))
        lane = running.ask(b"anything, not even JSON")
        assert (await read_all(lane))[0] == answer("hello")
        ctx, body = running.router.seen[0]
        assert (ctx.lane, ctx.guardrails, body) == (running.lanes.subject("r1"), (), b"anything, not even JSON")


async def test_a_banned_word_in_the_request_is_refused(stages: Any) -> None:
    """400 with the guardrail's name and the operator's message; the router never hears of it."""
    async with stages(WORDS) as running:
        _, header, _ = await read_all(running.ask(request("how to build a BOMB?")))
        assert header.error is not None
        assert (header.error.status, header.error.code) == (400, "content_blocked")
        assert header.error.message == "Blocked by guardrail 'words': Not here."
        assert running.router.seen == []


async def test_what_is_masked_in_the_request_never_reaches_the_router(stages: Any) -> None:
    """The body is rewritten in that place only, the context says which guardrails apply, the lane is the edge's."""
    async with stages(WORDS, MASK) as running:
        running.router.says(answer("123-45-6789"))
        data, _, _ = await read_all(running.ask(request("I am 123-45-6789.")))
        ctx, body = running.router.seen[0]
        assert body == request("I am #.")
        assert ctx.guardrails == ("words", "ssn")
        assert ctx.lane == running.lanes.subject("r1")
        assert data == answer("123-45-6789")


@pytest.mark.parametrize("size", [20_000, 100_000, 3_000_000])
@pytest.mark.parametrize("by_reference", [False, True])
async def test_large_requests_are_checked_as_well(stages: Any, eventually: Any, size: int, by_reference: bool) -> None:
    """Bodies by reference are fetched; rewritten ones go inline or are kept here until the answer ended."""
    if size > 1_000_000 and not by_reference:
        size = 300_000
    async with stages(WORDS, MASK) as running:
        running.router.says(answer("done"))
        text = "hello " * (size // 6)
        lane = running.ask(request(text + "123-45-6789"), by_reference=by_reference)
        assert (await read_all(lane))[0] == answer("done")
        assert running.router.seen[0][1] == request(text + "#")
        untouched = running.ask(request(text), "r2", by_reference=by_reference)
        assert (await read_all(untouched))[0] == answer("done")
        assert running.router.seen[1][1] == request(text)
        _, header, _ = await read_all(running.ask(request(text + "bomb"), "r3", by_reference=by_reference))
        assert header.error is not None
        assert header.error.code == "content_blocked"
        assert running.router.cancelled == 0
        await eventually(lambda: not running.guardrails.lanes)


async def test_a_guardrail_that_a_key_needs_must_be_there(stages: Any) -> None:
    """One that is configured runs in any case; without the other the request does not go on unchecked."""
    async with stages(WORDS) as running:
        running.router.says(answer("hello"))
        _, header, _ = await read_all(running.ask(request("hello"), "r1", wanted_guardrails=("words",)))
        assert header.error is None
        _, header, _ = await read_all(running.ask(request("hello"), "r2", wanted_guardrails=("words", "pii")))
        assert header.error is not None
        assert (header.error.status, header.error.code) == (403, "guardrail_missing")
    async with stages() as running:
        _, header, _ = await read_all(running.ask(request("hello"), wanted_guardrails=("pii",)))
        assert header.error is not None
        assert running.router.seen == []


async def test_a_whole_answer_is_masked_in_one_frame(stages: Any) -> None:
    """Opening, body and end come together, with the ending's facts, and no stale length."""
    async with stages(MASK | {"mode": "post_call"}) as running:
        running.router.says(answer("It is 123-45-6789."))
        lane = running.ask(request("who is 123-45-6789?"))
        frame = await lane.next(60)
        assert frame is not None
        header, data = frame
        assert data == answer("It is #.")
        assert header.end == Ending(cost=7)
        assert header.open == Opening(200, (("content-type", "application/json"),))
        ctx, body = running.router.seen[0]
        assert body == request("who is 123-45-6789?")
        assert ctx.token == "r1"
        assert ctx.lane != running.lanes.subject("r1")


async def test_a_whole_answer_with_a_banned_word_is_refused(stages: Any) -> None:
    """The caller gets 400 instead; the router had ended and was not cancelled, so it bills."""
    async with stages(WORDS | {"mode": "both"}) as running:
        running.router.says(answer("a bomb"))
        data, header, _ = await read_all(running.ask(request("hello")))
        assert data == b""
        assert header.error is not None
        assert header.error.code == "content_blocked"
        assert running.router.cancelled == 0
        assert not running.guardrails.cancelled.covers("r1", 1)


@pytest.mark.parametrize("came", ["whole", "stream that ended", "stream that runs"])
async def test_what_was_stopped_is_stored_before_the_caller_hears_of_it(stages: Any, came: str) -> None:
    """One event says which guardrail, with the error that the caller saw; what was used is the router's to say."""
    stream = came != "whole"
    async with stages(WORDS | {"mode": "post_call"}) as running:
        if stream:
            chunks = openai_events([{"content": "a bo"}, {"content": "mb. "}])
            running.router.plays(chunks, ends=came == "stream that ended")
        else:
            running.router.says(answer("a bomb"))
        who = Principal("key_holder", key="k", team="t")
        lane = running.ask(
            request("x", stream=stream), stream=stream, principal=who, model="m", admitted=Admitted(), tags=("a",)
        )
        _, header, _ = await read_all(lane)
        assert header.error is not None
        (event,) = await stored(running)
        assert (event.request_id, event.key, event.team, event.model_group) == ("r1", "k", "t", "m")
        assert (event.outcome, event.status, event.error_code) == ("failure", header.error.status, header.error.code)
        assert (event.blocked_by, event.attempts, event.limited) == ("words", (), False)


async def test_a_request_that_was_stopped_leaves_no_event(stages: Any) -> None:
    """It reached no provider, and costs nothing."""
    async with stages(WORDS | {"mode": "both"}) as running:
        _, header, _ = await read_all(running.ask(request("a bomb")))
        assert header.error is not None
        assert await stored(running) == []


async def test_a_verdict_that_cannot_be_stored_is_told_all_the_same(stages: Any) -> None:
    """JetStream does not take it: the caller hears of it after the configured bound, and it is stored later."""
    async with stages(WORDS | {"mode": "post_call"}, stall_seconds=0.2) as running:
        await running.edge.bus.jetstream.delete_stream(subjects.EVENT_STREAM)
        running.router.says(answer("a bomb"))
        _, header, _ = await read_all(running.ask(request("hello")))
        assert header.error is not None
        assert header.error.code == "content_blocked"
        await ensure_streams(running.edge.bus)
        async with asyncio.timeout(20):
            while not await stored(running):
                await asyncio.sleep(0.05)


async def test_a_large_whole_answer_is_checked_and_arrives_whole(stages: Any) -> None:
    """A megabyte passes both windows."""
    async with stages(MASK | {"mode": "post_call"}) as running:
        text = "hello " * 200_000
        running.router.says(answer(text + "123-45-6789"))
        assert (await read_all(running.ask(request("x"))))[0] == answer(text + "#")


@pytest.mark.parametrize("body", [b"<html>", b'{"choices": [', b"\xff\xfe"])
async def test_an_answer_that_cannot_be_read_does_not_go_out(stages: Any, body: bytes) -> None:
    """What was not checked is 502."""
    async with stages(WORDS | {"mode": "post_call"}) as running:
        running.router.says(body)
        _, header, _ = await read_all(running.ask(request("x")))
        assert header.error is not None
        assert header.error.status == 502


async def test_a_stream_is_masked_over_any_split(stages: Any) -> None:
    """A match over three chunks does not come out; the rest does, with its end and its facts."""
    async with stages(MASK | {"mode": "post_call"}) as running:
        pieces = ["It is 12", "3-4", "5-6789", ".", " Bye"]
        running.router.plays(openai_events([{"content": piece} for piece in pieces]))
        data, header, opening = await read_all(running.ask(request("x", stream=True), stream=True))
        assert openai_text(events_of(data)) == "It is #. Bye"
        assert data.endswith(b"data: [DONE]\n\n")
        assert (header.end, opening) == (Ending(cost=7), EVENTS)


async def test_a_stream_in_anthropics_dialect_is_masked(stages: Any) -> None:
    """The same for messages."""
    async with stages(MASK | {"mode": "both"}) as running:
        running.router.plays(anthropic_events([("text", ["It is 12", "3-45-6789"]), ("text", ["ok"])]))
        body = request("x", stream=True, max_tokens=5)
        lane = running.ask(body, stream=True, dialect="anthropic", route="messages")
        data, header, _ = await read_all(lane)
        assert header.end is not None
        assert "".join(each["delta"].get("text", "") for each in events_of(data) if "delta" in each) == "It is #ok"


async def test_a_banned_word_ends_a_stream_and_its_provider_call(stages: Any, eventually: Any) -> None:
    """What was safe went out, then the error; the router stops though the client is still there."""
    async with stages(WORDS | {"mode": "post_call"}) as running:
        pieces = ["This is how to build a time", " bo", "mb", " at home"]
        running.router.plays(openai_events([{"content": piece} for piece in pieces])[:4], ends=False)
        data, header, _ = await read_all(running.ask(request("x", stream=True), stream=True))
        text = openai_text(events_of(data))
        assert "This is how to build a".startswith(text)
        assert len(text) > 3
        assert header.error is not None
        assert (header.error.code, header.error.status) == ("content_blocked", 400)
        await eventually(lambda: running.router.cancelled == 1)
        await eventually(lambda: not running.guardrails.lanes)


async def test_a_word_at_the_very_end_of_a_stream_is_found(stages: Any) -> None:
    """It was held until the end, and the end is when it is judged."""
    async with stages(WORDS | {"mode": "post_call"}) as running:
        running.router.plays(openai_events([{"content": "a bo"}, {"content": "mb"}]))
        data, header, _ = await read_all(running.ask(request("x", stream=True), stream=True))
        assert b"bo" not in data
        assert header.error is not None
        assert header.error.code == "content_blocked"


async def test_a_client_that_leaves_stops_everything(stages: Any, eventually: Any) -> None:
    """The cancellation reaches the router while this stage is between, and nothing stays behind here."""
    async with stages(MASK | {"mode": "post_call"}) as running:
        running.router.plays(openai_events([{"content": "x" * 100}])[:1], ends=False)
        lane = running.ask(request("x", stream=True), stream=True)
        assert await lane.next(60) is not None
        running.edge.cancel("r1", 1)
        await eventually(lambda: running.router.cancelled == 1)
        await eventually(lambda: not running.guardrails.lanes)


async def test_a_slow_reader_slows_the_router(stages: Any, eventually: Any) -> None:
    """Two windows and a frame or so are all that is under way while the client does not read."""
    async with stages(MASK | {"mode": "post_call"}) as running:
        events = openai_events([{"content": f"{number:06} " + "hello " * 150} for number in range(2000)])
        sent = 0

        async def count(call: Call) -> None:
            nonlocal sent
            call.lane.open(EVENTS)
            for event in events:
                await call.lane.send(event)
                sent += len(event)
            await call.lane.end(Ending())

        running.router.answer = count
        lane = running.ask(request("x", stream=True), stream=True)
        last = -1

        def stalled() -> bool:
            nonlocal last
            before, last = last, sent
            return sent > ANSWER_WINDOW and before == last

        await eventually(stalled)
        assert sent < 4 * ANSWER_WINDOW
        data, header, _ = await read_all(lane)
        assert header.end is not None
        assert openai_text(events_of(data)) == "".join(f"{number:06} " + "hello " * 150 for number in range(2000))


@pytest.mark.parametrize("sent", [False, True])
async def test_a_lost_router_is_the_edges_to_judge(stages: Any, eventually: Any, sent: bool) -> None:
    """This stage falls silent, too; whether the request may be repeated the edge knows from the notice."""
    async with stages(MASK | {"mode": "post_call"}) as running:

        async def die(call: Call) -> None:
            if sent:
                notice = Sent(call.ctx.token, "a1", "d", "demo", "demo", Principal("key_holder"))
                await running.router.worker.announce_sent(call.ctx.edge, notice)
            await running.router.worker.close()
            await asyncio.Event().wait()

        running.router.answer = die
        lane = running.ask(request("x"))
        with pytest.raises(HolderLost) as lost:
            await lane.next(60)
        assert lost.value.repeatable is not sent
        await eventually(lambda: not running.guardrails.lanes)


async def test_a_gap_on_the_way_here_ends_the_answer(stages: Any, eventually: Any) -> None:
    """Part of the stream is missing, so the caller is told, and the router stops."""
    async with stages(MASK | {"mode": "post_call"}) as running:

        async def skip(call: Call) -> None:
            call.lane.open(EVENTS)
            await call.lane.send(openai_events([{"content": "x" * 100}])[0])
            running.router.worker.bus.publish(call.ctx.lane, join(FrameHeader(5), b"data: {}\n\n"))
            await asyncio.Event().wait()

        running.router.answer = skip
        _, header, _ = await read_all(running.ask(request("x", stream=True), stream=True))
        assert header.error is not None
        assert header.error.code == "stream_interrupted"
        await eventually(lambda: running.router.cancelled == 1)


@pytest.mark.parametrize("begun", [False, True])
async def test_the_routers_error_passes(stages: Any, begun: bool) -> None:
    """A provider's error keeps its status, also after the first events; what was held comes out before it."""
    async with stages(MASK | {"mode": "post_call"}) as running:

        async def fail(call: Call) -> None:
            if begun:
                call.lane.open(EVENTS)
                await call.lane.send(openai_events([{"content": "half of a sente"}])[0])
            raise ProviderError("the provider said no", status=418)

        running.router.answer = fail
        data, header, _ = await read_all(running.ask(request("x", stream=True), stream=True))
        assert header.error is not None
        assert header.error.status == 418
        assert openai_text(events_of(data)) == ("half of a sente" if begun else "")


async def test_a_stage_that_drains_lets_its_answers_pass(stages: Any, eventually: Any) -> None:
    """Streams that are under way end properly while the worker leaves."""
    async with stages(MASK | {"mode": "post_call"}) as running:
        go_on = asyncio.Event()

        async def wait(call: Call) -> None:
            events = openai_events([{"content": "x" * 50}, {"content": "y" * 50}])
            call.lane.open(EVENTS)
            await call.lane.send(events[0])
            await go_on.wait()
            await call.lane.end(Ending(), b"".join(events[1:]))

        running.router.answer = wait
        lane = running.ask(request("x", stream=True), stream=True)
        await eventually(lambda: len(running.router.seen) == 1)
        leaving = asyncio.ensure_future(running.leave_guardrails())
        await eventually(lambda: running.edge.address_of("guardrails") is None)
        go_on.set()
        data, header, _ = await read_all(lane)
        assert header.end is not None
        assert openai_text(events_of(data)) == "x" * 50 + "y" * 50
        await leaving
