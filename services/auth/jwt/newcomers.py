"""Users who are made when their first token comes, with an audit entry and a change as if an operator had made them."""

import asyncio
import time

import structlog

from services.auth.domain.jwt_claims import Claimed
from services.auth.domain.newcomer import audit_entry, newcomer
from shared.bus.changes import ChangeAnnouncer
from shared.errors import Conflict, Unavailable
from shared.schemas.context import RequestContext
from shared.schemas.control import Change
from shared.settings.defaults import UserDefaults
from shared.settings.jwt import JwtIssuer
from shared.store.audit import Audit
from shared.store.changes import Changes
from shared.store.connection import Session, Store
from shared.store.people import UserRecord, users, users_by_sso

log = structlog.get_logger(__name__)


class Newcomers:
    """Makes users where the issuer's settings say so."""

    def __init__(self, store: Store, announcer: ChangeAnnouncer, defaults: UserDefaults) -> None:
        self._store = store
        self._users = users(store)
        self._find_by_sso = users_by_sso(store)
        self._changes = Changes(store)
        self._audit = Audit(store)
        self._announcer = announcer
        self._defaults = defaults
        self._running: dict[str, asyncio.Task[UserRecord]] = {}

    async def welcome(self, claimed: Claimed, issuer: JwtIssuer, ctx: RequestContext) -> UserRecord:
        """Return the user, made unless it was there; requests that come at once wait for the same one.

        The audit entry names the request and the client of `ctx`. Raises `Unavailable`.
        """
        task = self._running.get(claimed.user)
        if task is None:
            task = self._running[claimed.user] = asyncio.ensure_future(self._make(claimed, issuer, ctx))
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

    async def _make(self, claimed: Claimed, issuer: JwtIssuer, ctx: RequestContext) -> UserRecord:
        try:
            record, change = await self._store.atomically(lambda session: self._insert(claimed, issuer, ctx, session))
        except Conflict:
            # Another worker was faster, or somebody has the e-mail address since a moment.
            found = await self._users.find(claimed.user) or await self._find_by_sso(claimed.user)
            if found is None:
                raise Unavailable("the user of this token is being made; try again", retry_after=1) from None
            return found
        if change is not None:
            self._announcer.announce(change)
            log.info("auth.user_added", user=record.id, issuer=issuer.issuer)
        return record

    async def _insert(
        self, claimed: Claimed, issuer: JwtIssuer, ctx: RequestContext, session: Session
    ) -> tuple[UserRecord, Change | None]:
        found = await self._users.find(claimed.user, session)
        if found is not None:
            return found, None
        taken = claimed.email and await self._users.where({"email": claimed.email}, limit=1, session=session)
        email = "" if taken else claimed.email
        record = newcomer(claimed, issuer, self._defaults, email=email, now=time.time())
        await self._users.insert(record, session)
        await self._audit.record(audit_entry(record, request=ctx.id, client=ctx.client), session)
        return record, await self._changes.record("user", record.id, session)
