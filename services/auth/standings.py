"""What holds for each key that this worker has seen, put together from cached records.

A change is heard once and costs nothing at once: it raises a number, and each standing that was put together before
looks whether one of its records is outdated when it is next used. So a team of a hundred thousand keys changes as
quickly as one of two.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from cachetools import LRUCache

from services.auth.domain.grants import Models
from services.auth.domain.quotas import Rules
from services.auth.domain.standing import Standing, organization_of, standing_of
from services.auth.domain.surroundings import Surroundings
from services.auth.record_cache import Entry
from services.auth.records import Records
from shared.schemas.control import Change
from shared.store.keys import KeyRecord
from shared.store.people import membership_id

Wanted = tuple[str, str]
"""A record that is needed: its kind and its id."""

Finished = Callable[[Standing], Standing]

ROUNDS = 4
"""How often further records turn out to be needed: key; team, user and member; organization; budgets."""


class AccessGroups(Protocol):
    """The catalog of models, as far as it tells what is in an access group."""

    generation: int
    """Raised whenever models change."""

    def members(self, access_group: str) -> Models:
        """Return the model groups of an access group."""
        ...


class Held:
    """A standing with the records behind it; None for a key that does not exist."""

    __slots__ = ("finished", "models", "parts", "record", "seen", "standing")

    def __init__(
        self,
        standing: Standing | None,
        record: KeyRecord | None,
        parts: tuple[Entry[Any], ...] = (),
        seen: int = 0,
        models: int = 0,
    ) -> None:
        self.standing = standing
        self.finished: Finished | None = None
        """What made the standing of a made-up key into this one."""
        self.record = record
        self.parts = parts
        self.seen = seen
        """The number of changes heard when it was last known to be true."""
        self.models = models
        """The catalog's generation that it was made with."""


class Standings:
    """Answers who holds a key, at once where every record is at hand."""

    def __init__(self, records: Records, catalog: AccessGroups, rules: Rules, capacity: int) -> None:
        self._records = records
        self._catalog = catalog
        self._rules = rules
        self._held: LRUCache[str, Held] = LRUCache(capacity)
        self._changes = 0

    def __len__(self) -> int:
        return len(self._held)

    def changed(self, change: Change) -> None:
        """Forget what changed."""
        self._records.forget(change)
        self._changes += 1

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._held.clear()
        self._changes += 1

    def known(self, hash: str) -> Held | None:
        """Return what holds for a key, by its stored hash, if the store need not be asked."""
        held = self._held.get(hash)
        if held is not None:
            if held.seen == self._changes and held.models == self._catalog.generation:
                return held
            if held.models == self._catalog.generation and not any(part.stale for part in held.parts):
                held.seen = self._changes
                return held
        entry = self._records.key.get(hash)
        return None if entry is None else self._at_hand(entry)

    async def look_up(self, hash: str) -> Held:
        """Return what holds for a key, asking the store for what is not cached; raises `Unavailable`."""
        return await self._put_together(self._records.key.get(hash) or await self._records.key.fetch(hash))

    async def of(self, record: KeyRecord | None, finished: Finished | None = None) -> Held:
        """Return what holds for a caller that `record` describes, whether it came by a key or not.

        A record that was made up for another caller than a key comes with what turns the standing of such a key
        into that caller's. No change is ever made to it, so it is known from now on by its hash. Raises `Unavailable`.
        """
        held = await self._put_together(Entry(record, stale=finished is None))
        if finished is not None and held.standing is not None:
            held.standing, held.finished = finished(held.standing), finished
        return held

    def _at_hand(self, key: Entry[KeyRecord]) -> Held | None:
        held = self._assembled(key, {})
        return held if isinstance(held, Held) else None

    async def _put_together(self, key: Entry[KeyRecord]) -> Held:
        fetched: dict[Wanted, Entry[Any]] = {}
        for _ in range(ROUNDS):
            found = self._assembled(key, fetched)
            if isinstance(found, Held):
                return found
            caches = self._records.all
            entries = await asyncio.gather(*(caches[kind].fetch(id) for kind, id in found))
            fetched |= zip(found, entries, strict=True)
        raise AssertionError("a record refers to more than there can be")

    def _assembled(self, key: Entry[KeyRecord], fetched: dict[Wanted, Entry[Any]]) -> Held | list[Wanted]:
        """Return the standing, or the records that are not at hand yet; keep it if changes of it will be heard."""
        record = key.record
        if record is None:
            return Held(None, None)
        caches = self._records.all
        parts: list[Entry[Any]] = [key]
        missing: list[Wanted] = []

        def part(kind: str, id: str) -> Any:
            if not id:
                return None
            entry = fetched.get((kind, id)) or caches[kind].get(id)
            if entry is None:
                missing.append((kind, id))
                return None
            parts.append(entry)
            return entry.record

        user, team = part("user", record.user_id), part("team", record.team_id)
        member = None
        if record.user_id and record.team_id:
            member = part("member", membership_id("team", record.team_id, record.user_id))
        organization = None if missing else part("organization", organization_of(record, team))
        budgets = {}
        for owner in (record, user, team, member, organization):
            budget = part("budget", owner.budget_id) if owner is not None else None
            if budget is not None:
                budgets[budget.id] = budget
        if missing:
            return missing
        around = Surroundings(user, team, member, organization, budgets)
        standing = standing_of(record, around, self._catalog.members, self._rules)
        held = Held(standing, record, tuple(parts), self._changes, self._catalog.generation)
        if not any(entry.stale for entry in parts):
            self._held[record.hash] = held
        return held
