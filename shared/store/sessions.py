"""Sessions for transactions, such that a worker that dies or freezes in the middle of one holds nobody up.

A transaction outlives its connection: the database keeps its locks for a minute, for a client that may be gone.
So a session whose transaction ended without a word is used again first, which aborts it, and each session is
noted with its owner, so that whoever is beaten ends the sessions of owners that are gone.
"""

import inspect
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import structlog
from bson import Binary
from pymongo.errors import PyMongoError

log = structlog.get_logger(__name__)

Alive = Callable[[], Collection[str] | None]
"""Returns the owners that were heard of lately, or None when nobody can tell."""


class Sessions:
    """The sessions of one process; `owner` is its id, empty for one that has no part in this."""

    def __init__(self, client: Any, database: Any, owner: str, alive: Alive) -> None:
        self._client = client
        self._noted = database.sessions
        self._owner = owner
        self._alive = alive
        self._free: list[Any] = []

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[Any]:
        """Lend a session, the one that was used last if there is one.

        It is not used again when its borrower was cancelled: the driver may still be at work with it.
        """
        session = self._free.pop() if self._free else await self._begin()
        try:
            yield session
        except Exception:
            self._free.append(session)
            raise
        else:
            self._free.append(session)

    async def end_strays(self) -> None:
        """End the sessions of owners that are gone, with their transactions; one that only slept does its again."""
        alive = self._alive()
        if not self._owner or alive is None:
            return
        try:
            strays = await self._noted.find({"owner": {"$nin": [self._owner, *alive]}}).to_list(length=1000)
            if strays:
                ids = [stray["_id"] for stray in strays]
                await self._client.admin.command("killSessions", [{"id": Binary(id, 4)} for id in ids])
                await self._noted.delete_many({"_id": {"$in": ids}})
                log.warning("store.strays_ended", owners=sorted({stray["owner"] for stray in strays}))
        except PyMongoError as error:
            log.warning("store.strays_not_ended", error=type(error).__name__)

    async def close(self) -> None:
        """End all sessions."""
        for session in self._free:
            await settled(session.end_session())
        if self._free and self._owner:
            try:
                await self._noted.delete_many({"owner": self._owner})
            except PyMongoError as error:
                log.warning("store.sessions_not_forgotten", error=type(error).__name__)
        self._free.clear()

    async def _begin(self) -> Any:
        session = await settled(self._client.start_session())
        if self._owner:
            note = {"_id": bytes(session.session_id["id"]), "owner": self._owner, "since": time.time()}
            await self._noted.insert_one(note)
        return session


async def settled(value: Any) -> Any:
    """Return what a call gave, awaited where one driver has a coroutine and the other a plain function."""
    return await value if inspect.isawaitable(value) else value
