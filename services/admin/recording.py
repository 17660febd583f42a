"""How a change is made: object, audit entry and number in one transaction, then the broadcast, then the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from services.admin.domain.masking import without_secrets
from services.admin.domain.requests import Request
from shared.bus.changes import ChangeAnnouncer
from shared.schemas.control import Change, ChangeKind
from shared.store.audit import Audit, AuditEntry
from shared.store.changes import Changes
from shared.store.connection import Session, Store

T = TypeVar("T")

Work = Callable[[Session], Awaitable[tuple[T, Sequence["Deed"]]]]
"""Writes objects by a session, and returns its result with what it did."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to one object: shapes of it before and after, as the API shows them."""

    kind: ChangeKind
    id: str
    action: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Recorder:
    """Makes changes that no crash leaves half done, and that every worker hears of."""

    def __init__(self, store: Store, announcer: ChangeAnnouncer) -> None:
        self._store = store
        self._changes = Changes(store)
        self._audit = Audit(store)
        self._announcer = announcer
        self._running: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Wait until the changes that were begun are made."""
        if self._running:
            await asyncio.wait(self._running)

    async def carry_out(self, request: Request, work: Work[T]) -> T:
        """Do `work` in a transaction with its audit entries and numbers, announce it, and return what it returned.

        `work` may be begun anew, so it does nothing but write by its session. A client that leaves stops no
        change that was begun. Should this process die after the transaction, the next clock tells every worker
        that it missed something.
        """
        task = asyncio.ensure_future(self._carry_out(request, work))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Whoever asked may be gone; an error that nobody reads is no fault.
            task.exception()

    async def _carry_out(self, request: Request, work: Work[T]) -> T:
        async def transaction(session: Session) -> tuple[T, list[Change]]:
            result, deeds = await work(session)
            await self._audit.record_all([_entry(request, deed) for deed in deeds], session)
            return result, await self._changes.record_all([(deed.kind, deed.id) for deed in deeds], session)

        result, numbered = await self._store.atomically(transaction)
        for change in numbered:
            self._announcer.announce(change)
        return result


def _entry(request: Request, deed: Deed) -> AuditEntry:
    return AuditEntry(
        at=request.now,
        actor=request.actor,
        actor_name=request.actor_name,
        action=deed.action,
        kind=deed.kind,
        object=deed.id,
        before=without_secrets(deed.before),
        after=without_secrets(deed.after),
        client=request.client,
        request_id=request.id,
    )
