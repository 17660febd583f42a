"""The connection to MongoDB, or to the embedded store that speaks its protocol.

Two drivers serve it: Motor, which DESIGN.md fixes, and PyMongo's own async client, which follows it. Only
what both have is used; the contract tests run on both.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal, TypeVar

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from shared.errors import Unavailable
from shared.store.sessions import Alive, Sessions, settled

SELECT_MS = 2000
"""How long to look for a server before saying that there is none."""

SOCKET_MS = 10_000

TRIES = 12
"""Times that a transaction is begun anew after a conflict with another writer."""

PATIENT_TRIES = 3
"""After so many beaten tries it is asked whether the winner is still alive."""

FIRST_PAUSE = 0.002
"""Seconds that a beaten transaction waits at most, and half of them at least, before its second try; doubled for each
further one. So another writer may take two seconds before anybody gives up."""

Document = dict[str, Any]
Driver = Literal["motor", "pymongo"]
Session = Any
"""A transaction that is open; the driver's own object, so that stores need not wrap it."""

T = TypeVar("T")


class StoreUnavailable(Unavailable):
    """The database cannot be asked right now."""


class Store:
    """An open database."""

    def __init__(self, client: Any, database: str, owner: str = "", alive: Alive = lambda: None) -> None:
        self.client = client
        self.database = client[database]
        self._sessions = Sessions(client, self.database, owner, alive)

    @classmethod
    def open(
        cls,
        url: str,
        database: str = "tollway",
        *,
        driver: Driver = "motor",
        owner: str = "",
        alive: Alive = lambda: None,
        answer_ms: int = SOCKET_MS,
    ) -> "Store":
        """Return a store; nothing is sent before the first question, and an answer is waited for `answer_ms`.

        A busy server's signs of life are waited for in proportion.

        A process that writes says who it is and who is alive, so that a transaction whose owner died in the
        middle of it is ended by whoever it stands in the way of.
        """
        connect: Any = AsyncIOMotorClient if driver == "motor" else AsyncMongoClient
        client = connect(
            url, serverSelectionTimeoutMS=SELECT_MS, socketTimeoutMS=answer_ms, connectTimeoutMS=answer_ms // 5
        )
        return cls(client, database, owner, alive)

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the database answers."""
        with translated():
            await self.database.command("ping")

    async def atomically(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work` in one transaction, all of it or nothing, and return what it returned.

        `work` is done again, from its beginning, when another writer was faster. Raises `StoreUnavailable`
        when that happens too often.
        """
        for attempt in range(TRIES):
            try:
                async with self.transaction() as session:
                    return await work(session)
            except PyMongoError as error:
                if not _was_beaten(error):
                    raise _unavailable() from error
            if attempt >= PATIENT_TRIES:
                await self._sessions.end_strays()
            longest = FIRST_PAUSE * 2**attempt
            await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter, no secret
        raise StoreUnavailable("the database is written by too many at once", retry_after=1)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Open a transaction that is written when the block ends, and undone when it raises.

        For those who begin anew by rules of their own; all others use `atomically`. Raises the driver's errors.
        """
        async with self._sessions.borrowed() as session, await settled(session.start_transaction()):
            yield session

    async def close(self) -> None:
        """Close all connections."""
        await self._sessions.close()
        await settled(self.client.close())


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into `StoreUnavailable`, but for those after which a transaction begins anew."""
    try:
        yield
    except PyMongoError as error:
        if _was_beaten(error):
            raise
        raise _unavailable() from error


def place_of(url: str) -> str:
    """Return the servers that an address names, without the user, password and options that may stand in it."""
    return url.partition("//")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("the database cannot be reached", retry_after=2)


def _was_beaten(error: PyMongoError) -> bool:
    """Tell whether another writer was faster, which only happens within a transaction."""
    return isinstance(error, OperationFailure) and error.has_error_label("TransientTransactionError")
