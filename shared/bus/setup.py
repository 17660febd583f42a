"""The JetStream streams, declared once and brought to their declared form at every start."""

import asyncio

import nats.errors
import nats.js.errors
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from shared.bus import subjects
from shared.bus.connection import Bus
from shared.errors import Unavailable

EVENT_BYTES = 2 * 1024**3
"""Room for completion events that billing has not taken yet; admission stops before it is full."""

DEAD_LETTER_BYTES = 256 * 1024**2

ALERT_BYTES = 64 * 1024**2
"""Room for facts that somebody wants to be told of: about 100,000 of them."""

LIMIT_BYTES = 256 * 1024**2
"""Room for the limiter's journal; it is cut at each snapshot, long before it is full."""

NO_STORAGE = 10047
"""JetStream's error code for "insufficient storage resources available"."""


def streams(replicas: int = 1, event_bytes: int = EVENT_BYTES) -> list[StreamConfig]:
    """Return the streams' configurations.

    Completion events are a work queue: what billing wrote and acknowledged is gone. The limiter's
    journal is cut by the limiter. Alerts are kept for whoever reads them, each once; the oldest go when there is no
    more room. All others discard new messages when they are full, never old ones.
    """
    return [
        StreamConfig(
            name=subjects.EVENT_STREAM,
            subjects=["tollway.evt.completion.>"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=event_bytes,
            duplicate_window=120,
            num_replicas=replicas,
        ),
        StreamConfig(
            name=subjects.DEAD_LETTER_STREAM,
            subjects=["tollway.dlq.>"],
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=DEAD_LETTER_BYTES,
            num_replicas=replicas,
        ),
        StreamConfig(
            name=subjects.ALERT_STREAM,
            subjects=["tollway.evt.soft_budget.>"],
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_bytes=ALERT_BYTES,
            duplicate_window=120,
            num_replicas=replicas,
        ),
        StreamConfig(
            name=subjects.LIMIT_STREAM,
            subjects=[subjects.LIMIT_JOURNAL],
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=LIMIT_BYTES,
            duplicate_window=1,
            num_replicas=replicas,
        ),
    ]


async def ensure_streams(bus: Bus, *, replicas: int = 1, timeout: float = 15.0) -> None:
    """Create the streams or bring them up to date; raise `Unavailable` when JetStream does not let us.

    JetStream of a cluster that just started has no leader yet, so this tries until `timeout` seconds are over.
    """
    jetstream = bus.jetstream
    async with asyncio.timeout(timeout):
        for config in streams(replicas):
            while True:
                try:
                    await _ensure(jetstream, config)
                    break
                except (nats.errors.Error, OSError) as error:
                    _check_room(config, error)
                    failure = str(error)
                    try:
                        await asyncio.sleep(0.1)
                    except asyncio.CancelledError:
                        raise Unavailable(f"JetStream cannot hold stream {config.name}: {failure}") from None


def _check_room(config: StreamConfig, error: Exception) -> None:
    """Raise `Unavailable` when waiting does not help: the broker's disk has no room for the stream."""
    if isinstance(error, nats.js.errors.APIError) and error.err_code == NO_STORAGE:
        room = f"{(config.max_bytes or 0) / 1024**3:.2g} GiB"
        raise Unavailable(f"nats-server has no room for stream {config.name}, which reserves {room}; free some disk")


async def _ensure(jetstream: "nats.js.JetStreamContext", config: StreamConfig) -> None:
    try:
        await jetstream.stream_info(str(config.name))
    except nats.js.errors.NotFoundError:
        await jetstream.add_stream(config)
    else:
        await jetstream.update_stream(config)
