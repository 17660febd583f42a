"""Admits a request or refuses it: at once for a key in the cache, after a look in the store for others."""

import time
from collections.abc import Coroutine

import msgspec

from services.auth.domain.admission import MASTER, check_allowed, check_usable
from services.auth.jwt.interface import TokenHolders
from services.auth.key_cache import CachedKey, KeyCache
from shared.bus.changes import ChangeFollower
from shared.bus.stage import Call
from shared.errors import Unauthenticated, Unavailable
from shared.routes import ROUTES, Policy
from shared.routes.llm import PASSTHROUGH
from shared.schemas.context import Principal, RequestContext
from shared.security.keys import same, stored_hash

REFRESH_SECONDS = 2.0
"""How long a request waits for a worker that was cut off to hear what it missed."""


class Admission:
    """The stage's handler."""

    def __init__(
        self,
        keys: KeyCache,
        follower: ChangeFollower,
        *,
        master: str,
        secret: bytes,
        max_age_seconds: float,
        holders: TokenHolders | None = None,
    ) -> None:
        self._keys = keys
        self._holders = holders
        self._follower = follower
        self._master = master
        self._secret = secret
        self._max_age = max_age_seconds

    def admit(self, call: Call) -> Coroutine[None, None, None] | None:
        """Pass the request on with its principal, or raise why not; a coroutine where the store must be asked."""
        digest = call.ctx.credential
        if not digest:
            raise Unauthenticated("No API key was sent.")
        if same(digest, self._master):
            self._pass_on(call, MASTER)
            return None
        if call.ctx.bearer and self._holders is not None:
            return self._admit_token(call, self._holders)
        hash = stored_hash(digest, self._secret)
        if self._follower.fresh and not self._outdated:
            entry = self._keys.get(hash)
            if entry is not None:
                self._judge(call, entry)
                return None
        return self._look_up(call, hash)

    def _admit_token(self, call: Call, holders: TokenHolders) -> Coroutine[None, None, None] | None:
        if self._follower.fresh and not self._outdated:
            principal = holders.known(call.ctx, policy_of(call.ctx.route))
            if principal is not None:
                self._pass_on(call, principal)
                return None
        return self._look_up_token(call, holders)

    async def _look_up_token(self, call: Call, holders: TokenHolders) -> None:
        await self._refreshed(call)
        if self._outdated:
            holders.clear()
        elif not self._follower.fresh and not self._follower.store_away:
            raise Unavailable("the gateway cannot tell whether this token still works; try again", retry_after=1)
        self._pass_on(call, await holders.find(call.ctx, policy_of(call.ctx.route)))

    async def _refreshed(self, call: Call) -> None:
        """Wait for a worker that was cut off to hear what it missed."""
        if not self._follower.fresh and not self._follower.store_away:
            await self._follower.wait_fresh(min(REFRESH_SECONDS, max(0.0, call.remaining)))

    async def _look_up(self, call: Call, hash: str) -> None:
        await self._refreshed(call)
        entry = None if self._outdated else self._keys.get(hash)
        if entry is None and self._follower.store_away:
            raise Unavailable("the database does not answer, so this key is not known", retry_after=2)
        if entry is None:
            entry = await self._keys.fetch(hash)
        elif not self._follower.fresh and not self._follower.store_away:
            raise Unavailable("the gateway cannot tell whether this key still works; try again", retry_after=1)
        self._judge(call, entry)

    @property
    def _outdated(self) -> bool:
        """True once the caches were last known to be true so long ago that they no longer count."""
        return time.monotonic() - self._follower.fresh_at > self._max_age

    def _judge(self, call: Call, entry: CachedKey) -> None:
        check_usable(entry.record, time.time())
        assert entry.principal is not None  # noqa: S101 - a usable key has one
        self._pass_on(call, entry.principal)

    def _pass_on(self, call: Call, principal: Principal) -> None:
        ctx = call.ctx
        check_allowed(principal, policy_of(ctx.route), ctx)
        call.forward(ctx.next, _admitted(ctx, principal))


def _admitted(ctx: RequestContext, principal: Principal) -> RequestContext:
    """Return the context as it goes on: with who is asking, without what proved it."""
    return msgspec.structs.replace(ctx, credential="", bearer="", wanted_team="", principal=principal)


def policy_of(route: str) -> Policy:
    """Return the policy of a matched route."""
    return PASSTHROUGH if route.startswith("passthrough") else ROUTES[route].policy
