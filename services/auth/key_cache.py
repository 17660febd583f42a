"""The keys that this worker has seen, true as of the last change that it heard of."""

import asyncio
import time
from collections.abc import Callable, Coroutine

import msgspec
from cachetools import LRUCache

from services.auth.domain.admission import principal_of
from shared.bus.changes import ChangeFollower
from shared.errors import Unavailable
from shared.schemas.context import Principal
from shared.schemas.control import Change
from shared.store.keys import KeyRecord

UNKNOWN_KEYS = 10_000
"""Hashes that are remembered as belonging to no key, so that a flood of bad keys spares the database."""

UNKNOWN_SECONDS = 30.0

LOOK_UP_SECONDS = 3.0
"""How long a request waits for the store to tell about a key."""

MOST_ASKED = 1000
"""Keys that are asked for at a time; past it a frozen store would be asked about more and more."""

TRIES = 3
"""Times that the store is asked where something changed meanwhile, and the answer may be of before it."""

Find = Callable[[str], Coroutine[None, None, KeyRecord | None]]


class CachedKey(msgspec.Struct, frozen=True):
    """A key as the store had it, and who holds it; both None for a hash that belongs to no key."""

    record: KeyRecord | None
    principal: Principal | None
    until: float = float("inf")
    """Monotonic seconds."""


class KeyCache:
    """A bounded cache in front of the store's keys; one question at a time for each key."""

    def __init__(self, find: Find, capacity: int) -> None:
        self._find = find
        self._known: LRUCache[str, CachedKey] = LRUCache(capacity)
        self._unknown: LRUCache[str, CachedKey] = LRUCache(UNKNOWN_KEYS)
        self._asked: dict[str, asyncio.Task[CachedKey]] = {}
        self._running: set[asyncio.Task[CachedKey]] = set()
        self.follower: ChangeFollower | None = None

    def __len__(self) -> int:
        return len(self._known)

    @property
    def unknown(self) -> int:
        """How many hashes are remembered as belonging to no key."""
        return len(self._unknown)

    def get(self, hash: str) -> CachedKey | None:
        """Return what is cached for a stored hash."""
        entry = self._known.get(hash)
        if entry is None:
            entry = self._unknown.get(hash)
            if entry is not None and time.monotonic() > entry.until:
                return None
        return entry

    async def fetch(self, hash: str) -> CachedKey:
        """Ask the store, and cache the answer unless a change came meanwhile; raises `Unavailable`."""
        task = self._asked.get(hash)
        if task is None:
            task = self._begin(hash)
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Unavailable("the database does not answer, so this key is not known", retry_after=2) from None

    def _begin(self, hash: str) -> "asyncio.Task[CachedKey]":
        if len(self._running) >= MOST_ASKED:
            raise Unavailable("too many keys are being looked up; try again shortly", retry_after=1)
        task = self._asked[hash] = asyncio.ensure_future(self._ask(hash))
        self._running.add(task)
        task.add_done_callback(lambda task: self._ended(hash, task))
        return task

    def _ended(self, hash: str, task: "asyncio.Task[CachedKey]") -> None:
        self._running.discard(task)
        if self._asked.get(hash) is task:
            del self._asked[hash]
        if not task.cancelled():
            task.exception()  # whoever waited for it may have given up

    def forget(self, change: Change) -> None:
        """Drop what changed."""
        if change.kind == "key":
            self._known.pop(change.id, None)
            self._unknown.pop(change.id, None)
            self._asked.pop(change.id, None)

    def clear(self) -> None:
        """Drop everything."""
        self._known.clear()
        self._unknown.clear()
        self._asked.clear()

    async def _ask(self, hash: str) -> CachedKey:
        assert self.follower is not None  # noqa: S101 - set by the composition root
        for _ in range(TRIES):
            generation = self.follower.generation
            record = await self._find(hash)
            if generation == self.follower.generation:
                break
        if record is None:
            entry = CachedKey(None, None, time.monotonic() + UNKNOWN_SECONDS)
        else:
            entry = CachedKey(record, principal_of(record))
        if generation == self.follower.generation and self.follower.fresh:
            (self._known if record is not None else self._unknown)[hash] = entry
        return entry
