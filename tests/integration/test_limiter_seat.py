"""The limiter's seat on a real broker: one decides, the others follow, and nothing is lost on the way."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.auth.limiter import seat
from services.auth.limiter.seat import Seat
from shared.bus import subjects
from shared.bus.limits import LimiterAway
from shared.bus.setup import ensure_streams
from shared.bus.worker import Worker
from shared.schemas.limits import Quota
from tests.support.limiters import Sums, ask, ask_many, client_of, completion, quota, seated
from tests.support.nats_server import NatsServer

Eventually = Callable[..., Any]


@pytest.fixture
async def edge(worker_on: Any) -> AsyncIterator[Worker]:
    """Whoever asks, on a broker with the streams."""
    async with worker_on("edge") as worker:
        await ensure_streams(worker.bus)
        yield worker


async def test_one_decides_and_the_others_know_what_it_decided(
    worker_on: Any, edge: Worker, eventually: Eventually
) -> None:
    """Three stand for election; exactly the limit passes, and the stand-bys' tables are the active one's."""
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(worker_on("auth")) for _ in range(3)]
        seats = [await stack.enter_async_context(seated(worker)) for worker in workers]
        client = await stack.enter_async_context(client_of(edge))
        assert await ask_many(client, "r", 1000, quota(rpm=100, parallel=1000)) == 100
        await eventually(lambda: [seat.active for seat in seats].count(True) == 1)
        for number in range(60):
            client.release(f"r{number}", sent=False)
        await eventually(lambda: client.unsettled == 0)
        await eventually(lambda: len({_tables(seat) for seat in seats}) == 1)


def _tables(seat: Seat) -> tuple[tuple[str, int], ...]:
    sizes = seat.limiter.sizes() if seat.limiter is not None else {}
    return tuple((name, sizes.get(name, -1)) for name in ("scopes", "holds", "ended"))


async def test_whoever_leaves_hands_over_at_once(
    worker_on: Any, edge: Worker, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rolling restart is no gap: the next one begins where the last one ended, and waits for no silence."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(edge))
        leaving = await stack.enter_async_context(AsyncExitStack())
        first = await leaving.enter_async_context(seated(await leaving.enter_async_context(worker_on("auth"))))
        await eventually(lambda: first.active)
        monkeypatch.setattr(seat, "SILENCE_SECONDS", 3600.0)
        heir = await stack.enter_async_context(seated(await stack.enter_async_context(worker_on("auth"))))
        await eventually(lambda: heir.limiter is not None)
        assert await ask_many(client, "a", 60, quota(rpm=100)) == 60
        await leaving.aclose()
        assert await ask_many(client, "b", 60, quota(rpm=100)) == 40
        assert heir.active


async def test_a_new_limiter_reads_the_journal(worker_on: Any, edge: Worker) -> None:
    """After a stop of everybody the limit still counts what was admitted before."""
    async with client_of(edge) as client:
        for name in "abc":
            async with worker_on("auth") as worker, seated(worker):
                await ask_many(client, name, 40, quota(rpm=100))
        async with worker_on("auth") as worker, seated(worker):
            assert await ask_many(client, "d", 10, quota(rpm=100)) == 0


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "killed"])
async def test_a_broker_in_trouble_lets_nobody_through_twice(
    worker_on: Any, edge: Worker, nats_server: NatsServer, frozen: bool
) -> None:
    """nats-server is killed, or stands still, in the middle of a burst: the questions wait, and the limit holds."""
    async with client_of(edge) as client, worker_on("auth") as one, worker_on("auth") as other:
        async with seated(one), seated(other):
            assert await ask_many(client, "a", 30, quota(rpm=100)) == 30
            burst = asyncio.ensure_future(ask_many(client, "b", 200, quota(rpm=100)))
            await asyncio.sleep(0.002)
            if frozen:
                nats_server.signal(signal.SIGSTOP)
                await asyncio.sleep(2.0)
                nats_server.signal(signal.SIGCONT)
            else:
                nats_server.stop()
                await asyncio.sleep(0.5)
                nats_server.start()
            assert await asyncio.wait_for(burst, 90) == 70


async def test_a_budget_is_read_while_its_requests_wait(worker_on: Any, edge: Worker) -> None:
    """A limiter without a journal asks the ledger; what was spent counts, and one reading serves all."""
    sums = Sums()
    sums.spent_by["k"] = 900
    async with client_of(edge) as client, worker_on("auth") as worker, seated(worker, sums):
        assert await ask_many(client, "r", 50, quota(budget=1000), cost=30) == 4
        assert sums.asked == [("k", 0.0)]
        refused = await ask(client, "last", quota(budget=1000), cost=30)
        assert refused.refusal is not None
        assert (refused.refusal.measure, refused.refusal.used, refused.refusal.held) == ("budget", 900, 120)


async def test_without_a_ledger_requests_under_a_budget_wait(
    worker_on: Any, edge: Worker, eventually: Eventually
) -> None:
    """While the database is away they are not waved through: they go on when it is back, or end at their time."""
    sums = Sums()
    sums.away = True
    async with client_of(edge) as client, worker_on("auth") as worker, seated(worker, sums):
        with pytest.raises(LimiterAway):
            await ask(client, "impatient", quota(budget=1000), cost=30, seconds=1.0)
        patient = asyncio.ensure_future(ask(client, "patient", quota(budget=1000), cost=30))
        await eventually(lambda: len(sums.asked) >= 2)
        assert (await ask(client, "other", quota("unlimited", rpm=5))).refusal is None
        sums.away = False
        assert (await patient).refusal is None


async def test_money_is_held_and_then_charged(worker_on: Any, edge: Worker, eventually: Eventually) -> None:
    """Of a thousand at once no more begin than the budget holds for; the real cost makes room for others."""
    async with client_of(edge) as client, worker_on("auth") as worker, seated(worker):
        assert await ask_many(client, "r", 1000, quota(budget=1000), cost=100) == 10
        for number in range(10):
            client.settle_for(completion(f"r{number}", cost=50))
            client.release(f"r{number}", sent=True)
        await eventually(lambda: client.unsettled == 0)
        assert await ask_many(client, "s", 1000, quota(budget=1000), cost=100) == 5


async def test_an_owner_that_is_silent_gives_its_slots_back(
    worker_on: Any, edge: Worker, eventually: Eventually
) -> None:
    """Slots of an edge that beats are kept; once it is gone they are free within seconds."""
    async with client_of(edge) as client, worker_on("auth") as worker, seated(worker):
        async with worker_on("edge") as other:
            for number in range(5):
                assert (await ask(client, f"r{number}", quota(parallel=5), owner=other.address)).refusal is None
            await asyncio.sleep(4)
            assert (await ask(client, "more", quota(parallel=5))).refusal is not None
        gone = time.monotonic()
        while (await ask(client, f"again{time.monotonic()}", quota(parallel=5))).refusal is not None:
            assert time.monotonic() - gone < 60
            await asyncio.sleep(0.2)


async def test_snapshots_keep_the_journal_short(worker_on: Any, edge: Worker) -> None:
    """What a snapshot holds is cut away; whoever begins with one knows everything, what was decided meanwhile too."""
    async with client_of(edge) as client:
        async with worker_on("auth") as worker, seated(worker, snapshot_entries=30):
            many = [ask(client, f"m{number}", quota(f"k{number}", rpm=1)) for number in range(1500)]
            assert all(verdict.refusal is None for verdict in await asyncio.gather(*many))
            for number in range(60):
                assert (await ask(client, f"r{number}", quota(rpm=100))).refusal is None
        info = await edge.bus.jetstream.stream_info(subjects.LIMIT_STREAM)
        assert info.state.first_seq > 10
        async with worker_on("auth") as worker, seated(worker) as seat:
            assert await ask_many(client, "s", 60, quota(rpm=100)) == 40
            assert (await ask(client, "again", quota("k1499", rpm=1))).refusal is not None
            assert seat.limiter is not None
            assert seat.limiter.sizes()["scopes"] == 1501


async def test_a_question_that_cannot_be_decided_is_answered_so(
    worker_on: Any, edge: Worker, eventually: Eventually
) -> None:
    """Whoever asked it is told; nobody else notices, and whoever decides goes on deciding."""
    async with AsyncExitStack() as stack:
        auth = await stack.enter_async_context(worker_on("auth"))
        seat = await stack.enter_async_context(seated(auth))
        await eventually(lambda: seat.active)
        await stack.enter_async_context(seated(await stack.enter_async_context(worker_on("auth"))))
        far, near = await stack.enter_async_context(client_of(edge)), await stack.enter_async_context(client_of(auth))
        seat.serve(near)
        poison = [
            ask(near, "typed", quota(rpm="many")),  # type: ignore[arg-type]
            ask(far, "endless", Quota("nobody\x1fk", rpm=1)),
            ask(far, "negative", quota(rpm=100), tokens=-(2**60)),
        ]
        good = ask_many(far, "r", 150, quota(rpm=100))
        passed, *told = await asyncio.gather(good, *poison)
        assert passed == 100
        assert [(verdict.failed, verdict.refusal) for verdict in told] == [(True, None)] * 3
        assert seat.active
        far.settle("r0", -1, 2**80, float("1e300"))
        await eventually(lambda: far.unsettled == 0)
        assert seat.active


async def test_a_turn_that_breaks_the_tables_is_not_sent_to_the_next_one(
    worker_on: Any, edge: Worker, eventually: Eventually
) -> None:
    """Whoever decided steps down, for its tables may be half changed; the next one has the journal's, and no poison."""
    async with AsyncExitStack() as stack:
        auth = await stack.enter_async_context(worker_on("auth"))
        seat = await stack.enter_async_context(seated(auth))
        near = await stack.enter_async_context(client_of(auth))
        seat.serve(near)
        await eventually(lambda: seat.active)
        assert await ask_many(near, "a", 60, quota(rpm=100)) == 60
        heir = await stack.enter_async_context(seated(await stack.enter_async_context(worker_on("auth"))))
        await eventually(lambda: heir.limiter is not None)
        poison = await ask(near, "poison", quota(rpm=100), owner=["nobody"])  # type: ignore[arg-type]
        assert poison.failed
        far = await stack.enter_async_context(client_of(edge))
        assert await ask_many(far, "b", 60, quota(rpm=100)) == 40
        await eventually(lambda: [seat.active, heir.active].count(True) == 1)
