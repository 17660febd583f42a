"""Users who are made when their first token comes, with an audit entry and a change as if an operator had made them."""

import asyncio
import time

import structlog

from services.auth.domain.jwt_claims import Claimed
from shared.bus.changes import ChangeAnnouncer
from shared.errors import Conflict
from shared.schemas.control import Change
from shared.settings.jwt import JwtIssuer
from shared.store.audit import Audit, AuditEntry
from shared.store.changes import Changes
from shared.store.connection import Session, Store, StoreUnavailable
from shared.store.people import UserRecord, users, users_by_sso

log = structlog.get_logger(__name__)


class Newcomers:
    """Makes users where the issuer's settings say so."""

    def __init__(self, store: Store, announcer: ChangeAnnouncer) -> None:
        self._store = store
        self._users = users(store)
        self._find_by_sso = users_by_sso(store)
        self._changes = Changes(store)
        self._audit = Audit(store)
        self._announcer = announcer
        self._running: dict[str, asyncio.Task[UserRecord]] = {}

    async def welcome(self, claimed: Claimed, issuer: JwtIssuer, *, request: str, client: str) -> UserRecord:
        """Return the user, made unless it was there; requests that come at once wait for the same one.

        `request` and `client` are the id and the address that the audit entry names.
        """
        task = self._running.get(claimed.user)
        if task is None:
            entry = _entry(claimed, request, client)
            task = self._running[claimed.user] = asyncio.ensure_future(self._make(claimed, issuer, entry))
            task.add_done_callback(lambda task: self._ended(claimed.user, task))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait until whoever is being made is made."""
        if self._running:
            await asyncio.wait(list(self._running.values()))

    def _ended(self, user: str, task: "asyncio.Task[UserRecord]") -> None:
        del self._running[user]
        if not task.cancelled():
            task.exception()  # whoever waited for it may have gone

    async def _make(self, claimed: Claimed, issuer: JwtIssuer, entry: AuditEntry) -> UserRecord:
        try:
            record, change = await self._store.atomically(lambda session: self._insert(claimed, issuer, entry, session))
        except Conflict:
            # Another worker was faster, or somebody has the e-mail address since a moment.
            found = await self._users.find(claimed.user) or await self._find_by_sso(claimed.user)
            if found is None:
                raise StoreUnavailable("the user of this token is being made; try again", retry_after=1) from None
            return found
        if change is not None:
            self._announcer.announce(change)
            log.info("auth.user_created", user=record.id, issuer=issuer.issuer)
        return record

    async def _insert(
        self, claimed: Claimed, issuer: JwtIssuer, entry: AuditEntry, session: Session
    ) -> tuple[UserRecord, Change | None]:
        found = await self._users.find(claimed.user, session)
        if found is not None:
            return found, None
        taken = claimed.email and await self._users.where({"email": claimed.email}, limit=1, session=session)
        record = UserRecord(
            id=claimed.user,
            created_at=entry.at,
            email="" if taken else claimed.email,
            role=issuer.default_role,
            sso_id=claimed.user,
            created_by=entry.actor,
            updated_at=entry.at,
            updated_by=entry.actor,
        )
        await self._users.insert(record, session)
        await self._audit.record(entry, session)
        return record, await self._changes.record("user", record.id, session)


def _entry(claimed: Claimed, request: str, client: str) -> AuditEntry:
    shape = {"user_id": claimed.user, "user_email": claimed.email or None, "sso_user_id": claimed.user}
    return AuditEntry(
        at=time.time(),
        actor=claimed.user,
        actor_name=claimed.email or claimed.user,
        action="user.created",
        kind="user",
        object=claimed.user,
        after=shape,
        client=client,
        request_id=request,
    )
