"""Writes what is brought: objects, their spend, their change numbers and what was imported, in one transaction."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from services.admin.domain.masking import without_secrets
from shared.errors import Conflict
from shared.schemas.control import ChangeKind
from shared.schemas.events import Completion
from shared.store.audit import Audit, AuditEntry
from shared.store.budgets import budgets
from shared.store.changes import Changes
from shared.store.connection import Session, Store, StoreUnavailable
from shared.store.credentials import Credentials
from shared.store.imports import ImportRecord, Imports
from shared.store.keys import KeyRecord, Keys
from shared.store.ledger import Ledger
from shared.store.models import Models
from shared.store.people import customers, memberships, organizations, teams, users
from tollway.litellm.found import Found, Record
from tollway.litellm.plan import Action, decide, import_id, opening, source_digest, spent_since, stored_digest
from tollway.litellm.rows import AUTHOR

LOCKED_SECONDS = 75.0
"""The database keeps the locks of a client that was killed for a minute, such as those of an earlier import."""

T = TypeVar("T")

_HIDDEN = ("api_key_sealed", "sealed", "shelf")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object."""

    found: Found
    action: Action
    why: str = ""
    """Why it is kept as it is here, or left out, though LiteLLM says otherwise."""
    brought: bool = True
    """True where the object is here afterwards, so that others may refer to it."""
    spent: int = 0
    """Nano-dollars that were carried over."""


@dataclass(frozen=True, slots=True)
class _Step:
    outcome: Outcome
    before: Record | None
    source: str
    known: ImportRecord | None


class Writer:
    """Brings objects, each exactly once whatever dies; `dry` only says what it would do."""

    def __init__(self, store: Store, *, secret: bytes, now: float, dry: bool, overwrite: bool) -> None:
        self._store = store
        self._secret = secret
        self._now = now
        self._dry = dry
        self._overwrite = overwrite
        self._imports = Imports(store)
        self._changes = Changes(store)
        self._audit = Audit(store)
        self._ledger = Ledger(store)
        self._collections: Mapping[ChangeKind, Any] = {
            "budget": budgets(store),
            "credential": Credentials(store),
            "customer": customers(store),
            "key": Keys(store),
            "member": memberships(store),
            "model": Models(store),
            "organization": organizations(store),
            "team": teams(store),
            "user": users(store),
        }

    async def bring(self, found: Sequence[Found]) -> list[Outcome]:
        """Bring objects of one kind; raises `StoreUnavailable`."""
        if not found:
            return []
        if self._dry:
            return [step.outcome for step in await self._planned(found, None)]
        try:
            return await self._atomically(lambda session: self._bring(found, session))
        except Conflict as error:
            if len(found) == 1:
                return [Outcome(found[0], "keep", error.message, brought=False)]
        # One of them stands in the way of all; it is found by halves.
        half = len(found) // 2
        return [*await self.bring(found[:half]), *await self.bring(found[half:])]

    async def record_run(self, counts: Mapping[str, Any], run: str) -> None:
        """Write the audit entry of a whole run."""
        entry = AuditEntry(self._now, AUTHOR, AUTHOR, "litellm.imported", "import", run, after=dict(counts))
        await self._atomically(lambda session: self._audit.record(entry, session))

    async def _atomically(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do it, and wait for a transaction that stands in the way though its owner is gone."""
        until = time.monotonic() + LOCKED_SECONDS
        while True:
            try:
                return await self._store.atomically(work)
            except StoreUnavailable:
                if time.monotonic() >= until:
                    raise

    async def _bring(self, found: Sequence[Found], session: Session) -> list[Outcome]:
        steps = await self._planned(found, session)
        written = [step for step in steps if step.outcome.action != "keep"]
        collection = self._collections[found[0].kind]
        new = [step.outcome.found.record for step in written if step.outcome.action == "create"]
        if new:
            await collection.insert_many(new, session)
        for step in written:
            if step.outcome.action == "replace":
                await collection.replace(_in_place_of(step), session)
        await self._ledger.add(self._openings(steps), session)
        await self._imports.write(self._remembered(steps), session)
        replaced = [step for step in written if step.outcome.action == "replace"]
        await self._audit.record_all([self._entry(step) for step in replaced], session)
        changed = [(step.outcome.found.kind, step.outcome.found.id) for step in written]
        await self._changes.record_all(changed, session)
        return [step.outcome for step in steps]

    async def _planned(self, found: Sequence[Found], session: Session) -> list[_Step]:
        present = await self._collections[found[0].kind].find_many([item.id for item in found], session)
        known = await self._imports.find_many([import_id(item) for item in found], session)
        return [self._step(item, present.get(item.id), known.get(import_id(item))) for item in found]

    def _step(self, found: Found, present: Record | None, known: ImportRecord | None) -> _Step:
        source = source_digest(found, self._secret)
        action, why = decide(found, present, known, source, overwrite=self._overwrite)
        outcome = Outcome(found, action, why, brought=action != "keep" or present is not None)
        # What was spent belongs to an object that came from there; one that was made here has its own books.
        if action != "keep" or (known is not None and present is not None):
            outcome = replace(outcome, spent=spent_since(found.spent, known, self._now))
        return _Step(outcome, present, source, known)

    def _openings(self, steps: Sequence[_Step]) -> list[Completion]:
        return [
            opening(spent, step.outcome.spent, _already(step) + step.outcome.spent, self._now)
            for step in steps
            if step.outcome.spent and (spent := step.outcome.found.spent) is not None
        ]

    def _remembered(self, steps: Sequence[_Step]) -> list[ImportRecord]:
        found = []
        for step in steps:
            outcome = step.outcome
            if outcome.action == "keep" and not outcome.spent:
                continue
            known, spent = step.known, outcome.found.spent
            until = spent.until if spent is not None else 0.0
            total = _already(step) + outcome.spent
            if outcome.action == "keep" and known is not None:
                found.append(msgspec.structs.replace(known, spent=total, until=until))
            else:
                stored = stored_digest(_in_place_of(step))
                found.append(ImportRecord(import_id(outcome.found), step.source, stored, total, until))
        return found

    def _entry(self, step: _Step) -> AuditEntry:
        found = step.outcome.found
        before, after = _shape(step.before), _shape(found.record)
        return AuditEntry(self._now, AUTHOR, AUTHOR, f"{found.kind}.reimported", found.kind, found.id, before, after)


def _already(step: _Step) -> int:
    """Return what was carried over before in the same period."""
    known, spent = step.known, step.outcome.found.spent
    return known.spent if known is not None and spent is not None and known.until == spent.until else 0


def _in_place_of(step: _Step) -> Record:
    """Return the record that is written: a key stays where it stands in the whole list."""
    record = step.outcome.found.record
    if isinstance(record, KeyRecord) and isinstance(step.before, KeyRecord):
        return msgspec.structs.replace(record, shelf=step.before.shelf, account=step.before.account)
    return record


def _shape(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    fields: dict[str, Any] = msgspec.to_builtins(record)
    shape: dict[str, Any] = without_secrets({name: item for name, item in fields.items() if name not in _HIDDEN})
    return shape
