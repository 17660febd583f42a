"""Has everything been written that the event stream holds now?"""

import asyncio

import nats.errors

from shared.bus import subjects
from shared.bus.connection import Bus, BusUnavailable

LOOK_SECONDS = 0.1


async def written(bus: Bus) -> None:
    """Return once billing has acknowledged every event that was stored before this was asked.

    Raises `BusUnavailable` when JetStream, or billing's consumer, cannot be asked.
    """
    try:
        state = (await bus.jetstream.stream_info(subjects.EVENT_STREAM)).state
        while state.messages:
            consumer = await bus.jetstream.consumer_info(subjects.EVENT_STREAM, subjects.LEDGER_CONSUMER)
            floor = consumer.ack_floor.stream_seq if consumer.ack_floor is not None else 0
            if floor >= state.last_seq or not (consumer.num_pending or consumer.num_ack_pending):
                return
            await asyncio.sleep(LOOK_SECONDS)
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise BusUnavailable("the event stream cannot be asked", retry_after=1) from error
