"""The connection to MongoDB, or to the embedded store that speaks its protocol."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from shared.errors import Unavailable

SELECT_MS = 2000
"""How long to look for a server before saying that there is none."""

SOCKET_MS = 10_000

Document = dict[str, Any]


class StoreUnavailable(Unavailable):
    """The database cannot be asked right now."""


class Store:
    """An open database."""

    def __init__(self, client: Any, database: str) -> None:
        self.client = client
        self.database = client[database]

    @classmethod
    def open(cls, url: str, database: str = "tollway") -> "Store":
        """Return a store; nothing is sent before the first question."""
        client: Any = AsyncIOMotorClient(
            url, serverSelectionTimeoutMS=SELECT_MS, socketTimeoutMS=SOCKET_MS, connectTimeoutMS=SELECT_MS
        )
        return cls(client, database)

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the database answers."""
        with translated():
            await self.database.command("ping")

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into `StoreUnavailable`."""
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable("the database cannot be reached", retry_after=2) from error
