"""Hears everything that goes over the bus of a running stack."""

import json
import re
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import nats
from nats.aio.msg import Msg

from tests.support.stack import Stack
from tests.support.traffic import until

SPY = "spy-of-the-test"


@dataclass
class Seen:
    """All that came out of the stack, by where it was seen."""

    answers: list[tuple[str, bytes]] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)

    def holding(self, secret: str) -> set[str]:
        """Return the subjects of the messages that hold a secret; a worker's own is that of its queue group."""
        return {by_queue(subject) for subject, data in self.messages if secret.encode() in data}

    def answered(self, secret: str) -> list[str]:
        """Return what was asked where the answer holds a secret."""
        return [what for what, data in self.answers if secret.encode() in data]


def by_queue(subject: str) -> str:
    """Return the subject of a worker's queue group where it is the worker's own."""
    return re.sub(r"^tollway\.worker\.(\w+)\.\w+\.req$", r"tollway.req.\1", subject)


@asynccontextmanager
async def spying(stack: Stack, seen: Seen) -> AsyncIterator[None]:
    """Hear every message on the bus, as a user that the test adds to the broker's configuration."""
    conf = stack.data_dir / "nats" / "nats.conf"
    password = uuid.uuid4().hex
    user = f'users: [\n{{ user: "{SPY}", password: "{password}" }},'
    conf.write_text(conf.read_text().replace("users: [", user, 1))
    stack.kill("nats-server", 0, signal.SIGHUP)
    # A client that is refused leaves its socket behind; so it waits for the broker to know it.
    await until(lambda: "Reloaded server configuration" in stack.logs("nats-server"))
    client = await nats.connect(stack.nats_url, user=SPY, password=password, allow_reconnect=False, error_cb=_quiet)

    async def hear(message: Msg) -> None:
        headers = json.dumps(message.headers).encode() if message.headers else b""
        seen.messages.append((message.subject, message.data + headers))

    try:
        await client.subscribe(">", cb=hear)
        await client.flush()
        yield
        # What the broker sent until now is heard before the connection ends.
        await client.drain()
    finally:
        await client.close()


async def _quiet(_: Exception) -> None:
    return None
