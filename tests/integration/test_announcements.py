"""Facts that are announced, on a real broker."""

from collections.abc import Callable
from typing import Any

import nats
from nats.js.api import StreamConfig

from shared.bus import subjects
from shared.bus.announcements import Announcements
from tests.support.nats_server import NatsServer

MOST = 1000


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
            announcements = Announcements(worker.bus, worker.metrics)
            for id, size in (("large", MOST + 1), ("small", 10), ("endless", 2 * client.max_payload), ("last", 10)):
                payload = b"a" * size
                announcements.announce(subjects.soft_budget_reached(id), id, payload, lambda id=id: stored.append(id))
            await eventually(lambda: stored == ["small", "last"], timeout=30.0)
            assert announcements.dropped == 2
            await announcements.close()
        assert (await stream.stream_info(subjects.ALERT_STREAM)).state.messages == 2
    finally:
        await client.close()
