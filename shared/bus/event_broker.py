"""FastStream's broker for the event plane, on the bus' own connection, and the AsyncAPI document it makes."""

from typing import Any

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsBatchMessage
from faststream.nats.subscriber.usecases import BatchPullStreamSubscriber
from faststream.specification import AsyncAPI
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig

from shared.bus.connection import BusUnavailable

BATCH = 48
"""Messages taken at once. Each holds up to 256 events, so this bounds what a worker has in hand."""


class EventBroker(NatsBroker):
    """A broker on a connection that somebody else opens, keeps and drains."""

    def __init__(self, client: Client | None, drain_seconds: float = 30.0) -> None:
        # The default policy would delete a message whose handler raised; the default limit is 15 s.
        super().__init__(apply_types=False, logger=None, ack_policy=AckPolicy.MANUAL, graceful_timeout=drain_seconds)
        self._client = client

    async def _connect(self) -> Client:
        if self._client is None:
            raise BusUnavailable("this broker only describes itself")
        self.config.connect(self._client)
        return self._client

    async def stop(self, *error: Any) -> None:
        """Stop the subscribers and leave the connection open."""
        self._connection = None
        await super().stop(*error)


def batches(
    broker: NatsBroker, stream: str, subject: str, config: ConsumerConfig, inbox: bytes = b"_INBOX."
) -> BatchPullStreamSubscriber:
    """Return a subscriber of a durable consumer, whose handler takes a batch of messages as they came."""
    return broker.subscriber(
        subject,
        durable=config.durable_name,
        config=config,
        stream=JStream(stream, declare=False),
        pull_sub=PullSub(batch_size=BATCH, batch=True),
        inbox_prefix=inbox,
        decoder=_as_it_came,
        title=subject,
    )


async def _as_it_came(message: NatsBatchMessage) -> list[Msg]:
    """Stand in for FastStream's decoder, which would parse each message as JSON once more.

    FastStream keeps the result in the message: the message itself would be a cycle, which holds megabytes of payload
    until the garbage collector looks.
    """
    return message.raw_message


def describe(title: str, version: str, stream: str, subject: str, durable: str) -> str:
    """Return the AsyncAPI document of a consumer as FastStream makes it; nothing is connected."""
    broker = EventBroker(None)

    async def handle(events: list[bytes]) -> None: ...

    batches(broker, stream, subject, ConsumerConfig(durable_name=durable, filter_subject=subject))(handle)
    return AsyncAPI(broker, title=title, version=version).to_specification().to_json()
