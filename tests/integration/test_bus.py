"""The bus on a real nats-server: each trap that it works around has a test."""

import asyncio
import contextlib
import signal
import time
from typing import Any

import pytest

from shared.bus import subjects
from shared.bus.bodies import BodyShelf
from shared.bus.connection import BusUnavailable, MessageTooLarge
from shared.bus.credit import ANSWER_WINDOW
from shared.bus.gathering import BUSY_LANES
from shared.bus.group_commit import EventWriter
from shared.bus.lane_reader import Lane, Lanes
from shared.bus.setup import ensure_streams
from shared.bus.stage import Call, Stage
from shared.bus.worker import Worker
from shared.errors import ProviderError, Unavailable
from shared.schemas.context import BodyRef, Principal, RequestContext
from shared.schemas.frames import Ending, FrameHeader, Opening, Sent


def context(lanes: Lanes, token: str = "r1", **changes: Any) -> RequestContext:
    """Return a request's context with a deadline that is far."""
    now = time.time()
    facts: dict[str, Any] = {
        "id": token,
        "lane": lanes.subject(token),
        "edge": lanes.prefix,
        "route": "chat_completions",
        "dialect": "openai",
        "deadline": now + 60,
        "send_by": now + 60,
        "received": now,
        "credit": ANSWER_WINDOW,
    }
    return RequestContext(**(facts | changes))


async def edge_of(worker: Worker) -> tuple[Stage, Lanes]:
    """Return what an edge needs: a stage to send with and lanes to read."""
    lanes = Lanes(worker)
    await lanes.start()
    await worker.bus.barrier()
    return Stage(worker, lambda call: None, max_in_hand=1), lanes


async def serve(worker: Worker, handler: Any, max_in_hand: int = 100) -> Stage:
    """Start a stage and say that it is ready."""
    stage = Stage(worker, handler, max_in_hand=max_in_hand)
    await stage.start()
    await worker.bus.barrier()
    worker.ready()
    return stage


async def read_all(lane: Lane) -> tuple[bytes, Any]:
    """Read a lane to its end; return the bytes and the last header."""
    received = bytearray()
    while True:
        frame = await lane.next(60)
        assert frame is not None, "the lane fell silent"
        header, data = frame
        received += data
        lane.consumed(len(data))
        if header.end is not None or header.error is not None:
            return bytes(received), header


async def test_a_short_answer_is_one_frame(worker_on: Any, eventually: Any) -> None:
    """Status, body and end of a short answer travel in one message."""

    async def answer(call: Call) -> None:
        call.lane.open(Opening(201))
        await call.lane.end(Ending(cost=7), b"hello " + await call.read_body())

    async with worker_on("edge") as edge, worker_on("router") as router:
        await serve(router, answer)
        sender, lanes = await edge_of(edge)
        await eventually(lambda: edge.address_of("router") is not None)
        lane = lanes.open("r1", ANSWER_WINDOW)
        sender.forward("router", context(lanes), b"world")
        frame = await lane.next(60)
        assert frame is not None
        header, data = frame
        assert (header.open, header.end, data) == (Opening(201), Ending(cost=7), b"hello world")


async def test_a_large_answer_waits_for_credit_and_arrives_whole(worker_on: Any, eventually: Any) -> None:
    """8 MiB pass a window of 64 KiB, and the producer never runs ahead of it by more than a frame."""
    size = 8 * 1024 * 1024
    blob = bytes(range(256)) * (size // 256)

    async def answer(call: Call) -> None:
        await call.lane.send(blob)
        await call.lane.end(Ending())

    async with worker_on("edge") as edge, worker_on("router") as router:
        await serve(router, answer)
        sender, lanes = await edge_of(edge)
        await eventually(lambda: edge.address_of("router") is not None)
        lane = lanes.open("r1", ANSWER_WINDOW)
        sender.forward("router", context(lanes), b"")
        received, header = await read_all(lane)
        assert header.end is not None
        assert received == blob


async def test_many_streams_to_one_reader_share_messages(worker_on: Any, eventually: Any) -> None:
    """Frames of a hundred streams leave gathered; each stream arrives whole, in order, and only its own."""
    streams, frames = BUSY_LANES + 36, 40
    turn = asyncio.Event()

    async def answer(call: Call) -> None:
        for number in range(frames):
            await call.lane.send(f"{call.ctx.id}.{number};".encode())
            if number == 0:
                await turn.wait()
            await asyncio.sleep(0)
        await call.lane.end(Ending(), b"end")

    async with worker_on("edge") as edge, worker_on("router") as router:
        await serve(router, answer, max_in_hand=streams)
        sender, lanes = await edge_of(edge)
        messages = 0

        def count(_: Any) -> None:
            nonlocal messages
            messages += 1

        await edge.bus.subscribe(f"{lanes.prefix}.*", count)
        await edge.bus.barrier()
        await eventually(lambda: edge.address_of("router") is not None)
        opened = {f"s{number}": lanes.open(f"s{number}", ANSWER_WINDOW) for number in range(streams)}
        for token in opened:
            sender.forward("router", context(lanes, token), b"")
        await eventually(lambda: len(router.lanes) == streams)
        turn.set()
        answers = await asyncio.gather(*[read_all(lane) for lane in opened.values()])
        expected = [("".join(f"{token}.{n};" for n in range(frames)) + "end").encode() for token in opened]
        assert [data for data, _ in answers] == expected
        assert messages < streams * frames / 4


async def test_a_body_of_32_mib_travels_by_reference(worker_on: Any, eventually: Any) -> None:
    """The stage fetches a large body in pieces from the process that holds it."""
    body = bytes(range(256)) * (32 * 1024 * 4)

    async def answer(call: Call) -> None:
        fetched = await call.read_body()
        await call.lane.end(Ending(), b"same" if fetched == body else b"different")

    async with worker_on("edge") as edge, worker_on("router") as router:
        await serve(router, answer)
        sender, lanes = await edge_of(edge)
        shelf = BodyShelf(edge)
        await shelf.start()
        await edge.bus.barrier()
        await eventually(lambda: edge.address_of("router") is not None)
        lane = lanes.open("r1", ANSWER_WINDOW)
        sender.forward("router", context(lanes, body=shelf.keep("r1", body)), b"")
        assert (await read_all(lane))[0] == b"same"


async def test_a_body_whose_holder_does_not_know_it_is_an_error(worker_on: Any, eventually: Any) -> None:
    """A lost body ends the request with 503 instead of a time-out."""

    async def answer(call: Call) -> None:
        await call.read_body()

    async with worker_on("edge") as edge, worker_on("router") as router:
        await serve(router, answer)
        sender, lanes = await edge_of(edge)
        await BodyShelf(edge).start()
        await eventually(lambda: edge.address_of("router") is not None)
        lane = lanes.open("r1", ANSWER_WINDOW)
        ref = BodyRef(subjects.body("edge", edge.id), "unknown", 5)
        sender.forward("router", context(lanes, body=ref), b"")
        _, header = await read_all(lane)
        assert header.error is not None
        assert header.error.status == 503


async def test_past_its_bound_a_stage_sheds_at_once(worker_on: Any, eventually: Any) -> None:
    """The request over the bound gets 503 with a time to wait, those within it are answered."""
    release = asyncio.Event()

    async def answer(call: Call) -> None:
        await release.wait()
        await call.lane.end(Ending())

    async with worker_on("edge") as edge, worker_on("router") as router:
        stage = await serve(router, answer, max_in_hand=2)
        sender, lanes = await edge_of(edge)
        await eventually(lambda: edge.address_of("router") is not None)
        opened = [lanes.open(f"r{number}", ANSWER_WINDOW) for number in range(3)]
        for number in range(3):
            sender.forward("router", context(lanes, f"r{number}"), b"")
        _, header = await read_all(opened[2])
        assert header.error is not None
        assert (header.error.status, header.error.retry_after, stage.shed) == (503, 1, 1)
        release.set()
        assert all([(await read_all(lane))[1].end for lane in opened[:2]])


async def test_what_a_handler_raises_becomes_a_typed_error(worker_on: Any, eventually: Any) -> None:
    """A Tollway error keeps its status; any other fault is 500 without a detail."""

    async def answer(call: Call) -> None:
        if call.ctx.id == "known":
            raise ProviderError("the provider said no", status=418)
        raise RuntimeError("secret detail")

    async with worker_on("edge") as edge, worker_on("router") as router:
        await serve(router, answer)
        sender, lanes = await edge_of(edge)
        await eventually(lambda: edge.address_of("router") is not None)
        seen = {}
        for token in ("known", "unknown"):
            lane = lanes.open(token, ANSWER_WINDOW)
            sender.forward("router", context(lanes, token), b"")
            _, header = await read_all(lane)
            seen[token] = (header.error.status, "secret" in header.error.message)
        assert seen == {"known": (418, False), "unknown": (500, False)}


@pytest.mark.parametrize("overtakes", [False, True])
async def test_a_cancellation_stops_the_work(worker_on: Any, eventually: Any, overtakes: bool) -> None:
    """A cancelled request stops within moments, also when the cancellation arrives before it."""
    events: list[str] = []

    async def answer(call: Call) -> None:
        events.append("started")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("stopped")

    async with worker_on("edge") as edge, worker_on("router") as router:
        stage = await serve(router, answer)
        sender, lanes = await edge_of(edge)
        await eventually(lambda: edge.address_of("router") is not None)
        if overtakes:
            edge.cancel("r1", 1)
        sender.forward("router", context(lanes), b"")
        if overtakes:
            await eventually(lambda: stage.expired == 1)
            assert events == []
        else:
            await eventually(lambda: events == ["started"])
            edge.cancel("r1", 1)
            await eventually(lambda: events == ["started", "stopped"])


async def test_a_request_cancelled_before_its_first_step_is_let_go(worker_on: Any, eventually: Any) -> None:
    """A request and its cancellation in one read of the socket leave nothing in hand, and the stage drains at once."""
    async with worker_on("edge") as edge, worker_on("router") as router:
        stage = await serve(router, lambda call: asyncio.sleep(60))
        sender, lanes = await edge_of(edge)
        await eventually(lambda: edge.address_of("router") is not None)
        sender.forward("router", context(lanes), b"")
        edge.cancel("r1", 1)
        await eventually(lambda: stage.handled == 1 and len(stage) == 0)
        assert not router.lanes
        async with asyncio.timeout(30):
            await stage.drain(60)


async def test_a_request_past_its_deadline_is_dropped(worker_on: Any, eventually: Any) -> None:
    """A worker does not begin what nobody waits for any more."""
    async with worker_on("edge") as edge, worker_on("router") as router:
        stage = await serve(router, lambda call: None)
        _, lanes = await edge_of(edge)
        from shared.bus.envelope import join

        edge.bus.publish(subjects.request("router"), join(context(lanes, deadline=time.time() - 1)))
        await eventually(lambda: stage.expired == 1)
        assert stage.handled == 0


async def test_a_gap_in_the_frames_breaks_the_answer(worker_on: Any, eventually: Any) -> None:
    """A lost frame ends the stream with an error, never with silently wrong text."""
    from shared.bus.envelope import join
    from shared.errors import BrokenStream

    async with worker_on("edge") as edge, worker_on("router") as router:
        _, lanes = await edge_of(edge)
        lane = lanes.open("r1", ANSWER_WINDOW)
        router.bus.publish(lanes.subject("r1"), join(FrameHeader(0), b"a"))
        router.bus.publish(lanes.subject("r1"), join(FrameHeader(2), b"c"))
        await eventually(lambda: lanes.gaps == 1)
        assert (await lane.next(60)) is not None
        with pytest.raises(BrokenStream):
            await lane.next(60)


async def test_a_piece_that_was_poured_is_never_read_again(worker_on: Any) -> None:
    """Where no credit can be given for a piece that went on, the answer breaks off, and the piece went on once."""
    async with worker_on("edge") as edge:
        _, lanes = await edge_of(edge)
        lane = lanes.open("r1", 10)
        poured: list[bytes] = []
        lane.pour_into(lambda piece: poured.append(piece) is None)
        lane.deliver(FrameHeader(0, worker="router.w1"), b"one")
        with pytest.raises(BusUnavailable):
            while True:
                edge.bus.publish(lanes.subject("nobody"), bytes(512 * 1024))
        lane.deliver(FrameHeader(1), b"two and more")
        with pytest.raises(BusUnavailable):
            await lane.next(60)
        assert poured == [b"one", b"two and more"]


async def test_the_loss_of_a_worker_is_noticed_by_its_silence(worker_on: Any, eventually: Any) -> None:
    """What was not sent to a provider may be repeated when its worker falls silent; what was sent may not."""
    from shared.bus.lane_reader import HolderLost

    taken: list[Call] = []

    async def answer(call: Call) -> None:
        taken.append(call)
        if call.ctx.id == "sent":
            notice = Sent(call.lane.token, "a1", "d", "demo", "demo", Principal("key_holder", key="k"))
            await router.announce_sent(call.ctx.edge, notice)
        await asyncio.Event().wait()

    async with worker_on("edge") as edge:
        sender, lanes = await edge_of(edge)
        async with worker_on("router") as router:
            await serve(router, answer)
            await eventually(lambda: edge.address_of("router") is not None)
            opened = {token: lanes.open(token, ANSWER_WINDOW) for token in ("sent", "unsent")}
            for token in opened:
                sender.forward("router", context(lanes, token), b"")
            await eventually(lambda: len(taken) == 2 and opened["sent"].sent is not None)
        repeatable = {}
        for token, lane in opened.items():
            with pytest.raises(HolderLost) as lost:
                await lane.next(60)
            repeatable[token] = lost.value.repeatable
        assert repeatable == {"sent": False, "unsent": True}


async def test_a_stage_that_drains_loses_nothing(worker_on: Any, eventually: Any) -> None:
    """While one of two workers drains, every request is answered."""

    async def answer(call: Call) -> None:
        await asyncio.sleep(0.02)
        await call.lane.end(Ending(), b"ok")

    async with worker_on("edge") as edge, worker_on("router") as first, worker_on("router") as second:
        leaving = await serve(first, answer)
        await serve(second, answer)
        sender, lanes = await edge_of(edge)
        await eventually(lambda: len(edge.members.alive("router", time.monotonic())) == 2)

        async def ask(number: int) -> bytes:
            lane = lanes.open(f"r{number}", ANSWER_WINDOW)
            sender.forward("router", context(lanes, f"r{number}"), b"")
            return (await read_all(lane))[0]

        drained = None
        asked = []
        for number in range(300):
            asked.append(asyncio.ensure_future(ask(number)))
            if number == 100:
                drained = asyncio.ensure_future(leaving.drain(60))
            await asyncio.sleep(0.001)
        assert await asyncio.gather(*asked) == [b"ok"] * 300
        assert drained is not None
        await drained


async def test_the_bus_comes_back_after_the_broker_was_killed(
    nats_server: Any, worker_on: Any, eventually: Any
) -> None:
    """A killed broker that starts again serves as before; meanwhile the worker knows that it is cut off."""

    async def answer(call: Call) -> None:
        await call.lane.end(Ending(), b"ok")

    async with worker_on("edge") as edge, worker_on("router") as router:
        await serve(router, answer)
        sender, lanes = await edge_of(edge)
        nats_server.stop()
        await eventually(lambda: not edge.responsive)
        nats_server.start()
        await eventually(lambda: edge.responsive and edge.address_of("router") is not None)
        await eventually(lambda: router.bus.connected)
        lane = lanes.open("r1", ANSWER_WINDOW)
        sender.forward("router", context(lanes), b"")
        assert (await read_all(lane))[0] == b"ok"


async def test_a_frozen_broker_is_noticed(nats_server: Any, worker_on: Any, eventually: Any) -> None:
    """SIGSTOP leaves connections open; the silence of every beat shows it, and it passes."""
    async with worker_on("edge") as edge:
        edge.ready()
        await eventually(lambda: edge.responsive)
        nats_server.signal(signal.SIGSTOP)
        try:
            await eventually(lambda: not edge.responsive)
        finally:
            nats_server.signal(signal.SIGCONT)
        await eventually(lambda: edge.responsive)


async def test_events_at_hand_together_are_one_message(worker_on: Any, eventually: Any) -> None:
    """A hundred events need a handful of messages, and each is on disk before its future is done."""
    async with worker_on("router") as router:
        await ensure_streams(router.bus)
        writer = EventWriter(router.bus)
        await writer.start()
        await asyncio.gather(*[writer.store(b'{"n":%d}' % number) for number in range(100)])
        info = await router.bus.jetstream.stream_info(subjects.EVENT_STREAM)
        assert writer.events == 100
        assert info.state.messages == writer.batches <= 5
        await writer.close()


async def test_what_the_broker_would_not_take_is_refused_here(nats_server: Any, worker_on: Any) -> None:
    """nats-server ends the connection of whoever sends it too large a message; so it is never sent one."""
    async with worker_on("edge") as edge:
        with pytest.raises(MessageTooLarge):
            edge.bus.publish(subjects.HELLO, b" " * (1024 * 1024 + 1))
        await edge.bus.barrier()
        assert edge.bus.connected


async def test_an_event_too_large_to_be_stored_holds_up_no_other(worker_on: Any) -> None:
    """It fails by itself; the events beside it are stored."""
    async with worker_on("router") as router:
        await ensure_streams(router.bus)
        writer = EventWriter(router.bus)
        await writer.start()
        writer.persist(b" " * 600_000)
        with pytest.raises(MessageTooLarge):
            writer.store(b" " * 600_000)
        async with asyncio.timeout(60):
            await writer.store(b'{"n":1}')
        assert (writer.events, writer.lost, writer.stalled) == (1, 1, False)
        await writer.close()


async def test_events_wait_for_jetstream_and_then_fail(nats_server: Any, worker_on: Any) -> None:
    """While JetStream is away an answer is not called complete; after the bound the event fails with 503."""
    async with worker_on("router") as router:
        await ensure_streams(router.bus)
        writer = EventWriter(router.bus, stall_seconds=0.5)
        await writer.start()
        nats_server.signal(signal.SIGSTOP)
        try:
            from shared.bus.group_commit import EventsNotStored

            with pytest.raises(EventsNotStored):
                async with asyncio.timeout(60):
                    await writer.store(b'{"n":1}')
        finally:
            nats_server.signal(signal.SIGCONT)
        with contextlib.suppress(BusUnavailable):
            await writer.close(1)


async def test_a_broker_without_room_is_told_at_once(nats_server: Any, worker_on: Any) -> None:
    """A stream that does not fit on the broker's disk is no matter of waiting."""
    nats_server.stop()
    nats_server.config = nats_server.config.replace("sync_interval", "max_file_store: 1MB, sync_interval")
    nats_server.start()
    async with worker_on("router") as router, asyncio.timeout(60):
        with pytest.raises(Unavailable, match="no room for stream TOLLWAY_EVENTS, which reserves 2 GiB"):
            await ensure_streams(router.bus)


async def test_a_new_worker_trusts_the_queue_group(worker_on: Any, eventually: Any) -> None:
    """Until it can have heard everybody's beat it takes nobody's silence for absence."""
    async with worker_on("auth") as auth:
        assert auth.address_of("router") == "tollway.req.router"
        await eventually(lambda: auth.address_of("router") is None)
