"""A connection to a running stack's broker as one of its users, with what that user may do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

from tests.support.stack import Stack


@asynccontextmanager
async def on_the_bus(stack: Stack, user: str) -> AsyncIterator[Client]:
    """Connect as a service, or as `tollway`, the supervisor."""
    client = await nats.connect(
        stack.nats_url, user=user, password=stack.nats_password(user), inbox_prefix=f"_INBOX.{user}".encode()
    )
    try:
        yield client
    finally:
        await client.close()
