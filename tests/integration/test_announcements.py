"""Facts that are announced, on a real broker."""

import signal
from collections.abc import Callable
from typing import Any

import nats
import pytest
from nats.js.api import StreamConfig
from structlog.testing import capture_logs

from shared.bus import announcements, subjects
from shared.bus.announcements import Announcements
from shared.bus.setup import ensure_streams
from tests.support.nats_server import NatsServer

MOST = 1000


async def test_a_fact_whose_acknowledgement_was_lost_is_counted(
    nats_server: NatsServer, worker_on: Any, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker stood still: the first try was stored later, and the one that heard of it found it there."""
    monkeypatch.setattr(announcements, "TRY_SECONDS", 0.2)
    monkeypatch.setattr(announcements, "AGAIN_SECONDS", 0.05)
    async with worker_on("auth") as worker:
        await ensure_streams(worker.bus)
        stored: list[str] = []
        announcing = Announcements(worker.bus, worker.metrics)
        with capture_logs() as logs:
            nats_server.signal(signal.SIGSTOP)
            try:
                announcing.announce(subjects.soft_budget_reached("a"), "a", b"{}", lambda: stored.append("a"))
                await eventually(lambda: any(log["event"] == "alerts.not_acknowledged" for log in logs))
            finally:
                nats_server.signal(signal.SIGCONT)
            await eventually(lambda: stored == ["a"], timeout=30.0)
        state = (await worker.bus.jetstream.stream_info(subjects.ALERT_STREAM)).state
        assert state.messages == 1
        # What stood there before the first try is not counted; a broker that is slow is waited for here.
        monkeypatch.setattr(announcements, "TRY_SECONDS", 30.0)
        announcing.announce(subjects.soft_budget_reached("a"), "a", b"{}", lambda: stored.append("again"))
        announcing.announce(subjects.soft_budget_reached("b"), "b", b"{}", lambda: stored.append("b"))
        await eventually(lambda: stored[-1] == "b", timeout=30.0)
        assert stored == ["a", "b"]
        await announcing.close()


async def test_a_fact_that_is_refused_for_good_does_not_hold_up_the_others(
    nats_server: NatsServer, worker_on: Any, eventually: Callable[..., Any]
) -> None:
    """One that is too large, for the stream or for the server, is given up and counted; the next ones are stored."""
    client = await nats.connect(nats_server.url)
    try:
        stream = client.jetstream()
        config = StreamConfig(name=subjects.ALERT_STREAM, subjects=["tollway.evt.soft_budget.>"], max_msg_size=MOST)
        await stream.add_stream(config)
        stored: list[str] = []
        async with worker_on("auth") as worker:
            announcing = Announcements(worker.bus, worker.metrics)
            for id, size in (("large", MOST + 1), ("small", 10), ("endless", 2 * client.max_payload), ("last", 10)):
                payload = b"a" * size
                announcing.announce(subjects.soft_budget_reached(id), id, payload, lambda id=id: stored.append(id))
            await eventually(lambda: stored == ["small", "last"], timeout=30.0)
            assert announcing.dropped == 2
            await announcing.close()
        assert (await stream.stream_info(subjects.ALERT_STREAM)).state.messages == 2
    finally:
        await client.close()
