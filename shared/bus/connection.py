"""One connection to NATS, with the client's traps defused.

Publishing is synchronous and gathered per turn of the event loop; delivery calls the handler at once instead
of waking a task per message. Both reach into nats-py, whose version is pinned; `tests/integration/test_bus.py`
keeps a test for each.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

from shared.errors import InternalError, Unavailable

log = structlog.get_logger(__name__)

Handler = Callable[[Msg], None]

WRITE_BUFFER_LIMIT = 16 * 1024 * 1024
"""Bytes that may wait for the broker's socket; past it, publishing fails instead of growing without bound."""

CONGESTED_BYTES = 4 * 1024 * 1024
"""Bytes before the broker's socket from which on answers wait; all their windows together may be far more."""

RELIEF_SECONDS = 0.01

PING_SECONDS = 2
"""A frozen broker is noticed after two unanswered pings."""

RECONNECT_SECONDS = 0.25
"""Between two attempts to reach a broker that is away."""


class BusUnavailable(Unavailable):
    """The broker cannot be reached right now."""


class MessageTooLarge(InternalError):
    """A message is larger than the broker takes; a fault of whoever made it, and no reason to lose the connection."""


class Bus:
    """A connection that lasts: it reconnects for ever and says when it does."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._flush_scheduled = False
        self._closing = False
        self._on_reconnect: list[Callable[[], Awaitable[None]]] = []
        self._on_disconnect: list[Callable[[], None]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._on_error: Callable[[str], None] | None = None
        self.last_error = ""
        """What went wrong last, as nats-py or the system says it."""
        self.dropped = 0
        """Messages dropped because a subscription's pending limit was reached."""
        self._relief: asyncio.Task[None] | None = None
        self.congested = False
        """True while so much waits for the broker that what can wait should; see `relief`."""

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        name: str,
        inbox: str,
        user: str | None = None,
        password: str | None = None,
        credentials: Path | None = None,
        tls: ssl.SSLContext | None = None,
        on_closed: Callable[[], None] | None = None,
        on_error: Callable[[str], None] | None = None,
        timeout: float | None = 10.0,
    ) -> "Bus":
        """Connect and return the bus; raise `BusUnavailable` when the broker is not there within `timeout`, if any.

        `on_error` hears why an attempt failed, such as a password that the broker refuses.
        """
        client = _Client()
        bus = cls(client)
        bus._on_error = on_error

        async def closed() -> None:
            if on_closed is not None:
                on_closed()

        options: dict[str, object] = {}
        if user is not None:
            options |= {"user": user, "password": password or ""}
        if credentials is not None:
            options["user_credentials"] = str(credentials)
        if tls is not None:
            options["tls"] = tls
        try:
            async with asyncio.timeout(timeout):
                await client.connect(
                    servers=url.split(","),
                    name=name,
                    inbox_prefix=f"_INBOX.{inbox}".encode(),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]
                    connect_timeout=2,
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=2,
                    allow_reconnect=True,
                    reconnected_cb=bus._reconnected,
                    disconnected_cb=bus._disconnected,
                    error_cb=bus._error,
                    closed_cb=closed,
                    **options,  # type: ignore[arg-type]
                )
        except (OSError, TimeoutError, nats.errors.Error) as error:
            reason = _reason(error) or bus.last_error or "it does not answer"
            raise BusUnavailable(f"nats-server at {shown(url)} cannot be reached: {reason}") from error
        return bus

    @property
    def connected(self) -> bool:
        """True while the broker's connection is up."""
        return bool(self._client.is_connected)

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream side of the connection."""
        return self._client.jetstream()

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be handed to the broker's socket."""
        return int(self._client._pending_data_size)

    @property
    def clustered(self) -> bool:
        """True when others may be connected to another broker than this process is."""
        return bool(self._client._server_info.get("cluster")) or len(self._client._server_pool) > 1

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Have `callback` awaited after each reconnect, before anything relies on what was missed."""
        self._on_reconnect.append(callback)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the connection is lost.

        After a reconnect messages may arrive before `on_reconnect` is called: what must not be believed of them
        is to be doubted from here on.
        """
        self._on_disconnect.append(callback)

    def publish(self, subject: str, payload: bytes) -> None:
        """Hand a message to the connection; messages of one loop turn leave in one write.

        Core NATS may lose it without a word: what must last goes through JetStream. Raises `BusUnavailable`
        when the broker is away and the buffer for it is full, `MessageTooLarge` for what the broker would answer
        by ending the connection.
        """
        client = self._client
        if len(payload) > client._max_payload:
            raise MessageTooLarge(f"a message of {len(payload)} bytes is more than the broker takes")
        if client.is_closed or client._pending_data_size > WRITE_BUFFER_LIMIT:
            raise BusUnavailable("the message broker cannot be reached", retry_after=1)
        client._pending.append(b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(payload), payload))
        client._pending_data_size += len(payload)
        if client._pending_data_size > CONGESTED_BYTES:
            self.congested = True
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self.flush_now)

    def flush_now(self) -> bool:
        """Write what is pending to the socket; in the order of calls, before anything written later.

        Tells whether all of it stands in the socket's buffer now.
        """
        self._flush_scheduled = False
        client = self._client
        if not client.is_connected or client._transport is None:
            return False
        if not client._pending:
            return True
        transport = client._transport._io_writer.transport  # type: ignore[attr-defined]
        if transport.is_closing() or transport.get_write_buffer_size() > WRITE_BUFFER_LIMIT:
            return False
        pending, client._pending = client._pending, []
        client._pending_data_size = 0
        client._transport.writelines(pending)
        self.congested = transport.get_write_buffer_size() > CONGESTED_BYTES
        return True

    async def relief(self) -> None:
        """Wait while the broker takes bytes more slowly than they are made here, or is away."""
        while self.congested and not self._client.is_closed:
            if self._relief is None or self._relief.done():
                self._relief = asyncio.ensure_future(self._relieved())
            await asyncio.shield(self._relief)

    async def _relieved(self) -> None:
        """Look for all who wait: a thousand of them, each with a timer, would be a load of its own."""
        while self.congested and not self._client.is_closed:
            await asyncio.sleep(RELIEF_SECONDS)
            if self.flush_now():
                transport = self._client._transport._io_writer.transport  # type: ignore[union-attr]
                self.congested = transport.get_write_buffer_size() > CONGESTED_BYTES

    def publish_with(self, subject: str, payload: bytes, *, reply: str, headers: str) -> None:
        """Publish with a subject for the reply and one line of headers; else as `publish`."""
        client = self._client
        head = f"NATS/1.0\r\n{headers}\r\n\r\n".encode()
        size = len(head) + len(payload)
        if size > client._max_payload:
            raise MessageTooLarge(f"a message of {size} bytes is more than the broker takes")
        if client.is_closed or client._pending_data_size > WRITE_BUFFER_LIMIT:
            raise BusUnavailable("the message broker cannot be reached", retry_after=1)
        line = f"HPUB {subject} {reply} {len(head)} {size}\r\n".encode()
        client._pending.append(b"%b%b%b\r\n" % (line, head, payload))
        client._pending_data_size += size
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self.flush_now)

    def new_inbox(self) -> str:
        """Return a subject on which only this connection hears replies."""
        return self._client.new_inbox()

    async def request(self, subject: str, payload: bytes, timeout: float) -> bytes:
        """Ask and return the answer; raise `BusUnavailable` when none comes within `timeout` seconds."""
        try:
            reply = await self._client.request(subject, payload, timeout=timeout)
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable("no answer over the message broker", retry_after=1) from error
        return bytes(reply.data)

    async def gather(self, subject: str, payload: bytes, *, expect: int, timeout: float) -> list[bytes]:
        """Ask everybody and return what came until `expect` answers were in or `timeout` seconds were over."""
        inbox = self._client.new_inbox()
        answers: list[bytes] = []
        complete = asyncio.Event()

        def take(message: Msg) -> None:
            answers.append(message.data)
            if len(answers) >= expect:
                complete.set()

        subscription = await self.subscribe(inbox, take)
        try:
            async with asyncio.timeout(timeout):
                await self.barrier()
                await self._client.publish(subject, payload, reply=inbox)
                await complete.wait()
        except TimeoutError:
            pass
        finally:
            # Not drained: that would wait for a broker that may be frozen, for answers that nobody reads.
            await subscription.unsubscribe()
        return answers

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Subscription:
        """Call `handler` for each message, in order, from the connection's reader; it must not block."""
        subscription = await self._client.subscribe(subject, queue=queue)
        subscription._pending_queue = _DirectDelivery(handler, subscription)  # type: ignore[assignment]
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Take no more messages. What the broker has sent already is still delivered before this returns."""
        try:
            await subscription.drain()  # type: ignore[no-untyped-call]
        except nats.errors.Error as error:
            log.debug("bus.unsubscribe_failed", error=str(error))

    async def barrier(self, timeout: float = 5.0) -> None:
        """Return once everything said so far is in force at the broker.

        One flush is none: its PING may overtake pending SUB and PUB commands. The second one cannot.
        """
        try:
            self.flush_now()
            await self._client.flush(timeout=int(timeout) or 1)
            await self._client.flush(timeout=int(timeout) or 1)
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable("the message broker does not answer") from error

    async def close(self) -> None:
        """Flush and close; nothing is received any more."""
        self._closing = True
        self.flush_now()
        try:
            async with asyncio.timeout(2):
                await self._client.flush(timeout=1)
        except (TimeoutError, nats.errors.Error, OSError):
            log.debug("bus.closed_without_flush")
        await self._client.close()

    async def _reconnected(self) -> None:
        log.info("bus.reconnected")
        for callback in self._on_reconnect:
            task = asyncio.ensure_future(callback())
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _disconnected(self) -> None:
        if self._closing:
            return
        log.warning("bus.disconnected")
        for callback in self._on_disconnect:
            callback()

    async def _error(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            self.dropped += 1
        self.last_error = _reason(error)
        if self._on_error is not None:
            self._on_error(self.last_error)
        log.warning("bus.error", error=type(error).__name__, detail=str(error))


def shown(url: str) -> str:
    """Return addresses without the user and password that may stand in them."""
    return ",".join(re.sub(r"(?<=//)[^/@]*@", "", address) for address in url.split(","))


def _reason(error: Exception) -> str:
    return str(error).removeprefix("nats: ").strip("'")


class _Client(Client):
    """nats-py's client, whose reader ends when a PONG comes for a flush that was given up; this one goes on."""

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()


class _DirectDelivery:
    """Stands where a subscription's queue stood and hands each message on at once."""

    def __init__(self, handler: Handler, subscription: Subscription) -> None:
        self._handler = handler
        self._subscription = subscription

    def put_nowait(self, message: Msg) -> None:
        self._subscription._pending_size -= len(message.data)
        # A broker whose messages arrive is not frozen, though its answer to a ping may stand behind many of them.
        self._subscription._conn._pings_outstanding = 0
        try:
            self._handler(message)
        except Exception:
            log.exception("bus.handler_failed", subject=message.subject)

    async def join(self) -> None:
        return None

    def qsize(self) -> int:
        return 0

    def task_done(self) -> None:
        return None
