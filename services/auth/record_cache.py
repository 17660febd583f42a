"""The records of one kind that this worker has seen, true as of the last change that it heard of."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

from cachetools import LRUCache

from shared.bus.changes import ChangeFollower
from shared.errors import Unavailable

UNKNOWN_IDS = 10_000
"""Ids that are remembered as belonging to nothing, so that a flood of bad keys spares the database."""

UNKNOWN_SECONDS = 30.0

LOOK_UP_SECONDS = 3.0
"""How long a request waits for the store to tell about a record."""

MOST_ASKED = 1000
"""Records that are asked for at a time; past it a frozen store would be asked about more and more."""

TRIES = 3
"""Times that the store is asked where something changed meanwhile, and the answer may be of before it."""

R = TypeVar("R")

Find = Callable[[str], Coroutine[None, None, R | None]]


class Entry(Generic[R]):
    """What the store had under an id: a record, or nothing."""

    __slots__ = ("record", "stale", "until")

    def __init__(self, record: R | None, *, stale: bool = False) -> None:
        self.record = record
        self.stale = stale
        """True once it changed, or where a change of it would not be heard: whoever holds it must ask again."""
        self.until = float("inf") if record is not None else time.monotonic() + UNKNOWN_SECONDS
        """Monotonic seconds."""


class _Entries(LRUCache[str, Entry[R]]):
    """Entries that know when they were thrown out: whoever still holds one would hear of no change."""

    def popitem(self) -> tuple[str, Entry[R]]:
        """Throw out the entry that was unused for longest."""
        id, entry = super().popitem()
        entry.stale = True
        return id, entry


class RecordCache(Generic[R]):
    """A bounded cache in front of a collection; one question at a time for each id."""

    def __init__(self, find: Find[R], capacity: int, noun: str) -> None:
        self._find = find
        self._noun = noun
        self._known: _Entries[R] = _Entries(capacity)
        self._unknown: _Entries[R] = _Entries(UNKNOWN_IDS)
        self._asked: dict[str, asyncio.Task[Entry[R]]] = {}
        self._running: set[asyncio.Task[Entry[R]]] = set()
        self.follower: ChangeFollower | None = None

    def __len__(self) -> int:
        return len(self._known)

    @property
    def unknown(self) -> int:
        """How many ids are remembered as belonging to nothing."""
        return len(self._unknown)

    def get(self, id: str) -> Entry[R] | None:
        """Return what is cached under an id."""
        entry = self._known.get(id)
        if entry is None:
            entry = self._unknown.get(id)
            if entry is not None and time.monotonic() > entry.until:
                return None
        return entry

    def is_asked(self, id: str) -> bool:
        """Tell whether the store is being asked about an id; whoever fetches it now waits for that answer."""
        return id in self._asked

    async def fetch(self, id: str) -> Entry[R]:
        """Ask the store, and cache the answer unless a change came meanwhile; raises `Unavailable`."""
        task = self._asked.get(id)
        if task is None:
            task = self._begin(id)
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Unavailable(
                f"the database does not answer, so this {self._noun} is not known", retry_after=2
            ) from None

    def _begin(self, id: str) -> "asyncio.Task[Entry[R]]":
        if len(self._running) >= MOST_ASKED:
            raise Unavailable(f"too many {self._noun}s are being looked up; try again shortly", retry_after=1)
        task = self._asked[id] = asyncio.ensure_future(self._ask(id))
        self._running.add(task)
        task.add_done_callback(lambda task: self._ended(id, task))
        return task

    def _ended(self, id: str, task: "asyncio.Task[Entry[R]]") -> None:
        self._running.discard(task)
        if self._asked.get(id) is task:
            del self._asked[id]
        if not task.cancelled():
            task.exception()  # whoever waited for it may have given up

    def forget(self, id: str) -> None:
        """Drop what changed."""
        self._drop(id)
        self._asked.pop(id, None)

    def _drop(self, id: str) -> None:
        for entries in (self._known, self._unknown):
            entry = entries.pop(id, None)
            if entry is not None:
                entry.stale = True

    def clear(self) -> None:
        """Drop everything."""
        for entries in (self._known, self._unknown):
            for entry in entries.values():
                entry.stale = True
            entries.clear()
        self._asked.clear()

    async def _ask(self, id: str) -> Entry[R]:
        assert self.follower is not None  # noqa: S101 - set by the composition root
        for _ in range(TRIES):
            generation = self.follower.generation
            record = await self._find(id)
            if generation == self.follower.generation:
                break
        if generation != self.follower.generation or not self.follower.fresh:
            return Entry(record, stale=True)
        return self._keep(id, Entry(record))

    def _keep(self, id: str, entry: Entry[R]) -> Entry[R]:
        """Cache an entry; the one that it takes the place of hears of no change from now on."""
        self._drop(id)
        (self._known if entry.record is not None else self._unknown)[id] = entry
        return entry
