"""Admits a request or refuses it: at once where all is known of the caller, after a look in the store otherwise."""

import time
from collections.abc import Coroutine

import msgspec

from services.auth.domain.admission import acting, check_allowed, check_usable, not_allowed
from services.auth.domain.offers import Offer
from services.auth.domain.standing import MASTER, Standing
from services.auth.domain.strangers import Strangers
from services.auth.judgement import Judgement
from services.auth.jwt.interface import Shown, TokenHolders
from services.auth.offers import Offers
from services.auth.standings import Held, Standings
from shared.bus.changes import ChangeFollower
from shared.bus.stage import Call
from shared.catalog.catalog import Catalog, provider_names
from shared.errors import Unauthenticated, Unavailable
from shared.routes import ROUTES, Policy
from shared.routes.llm import PASSTHROUGH
from shared.security.keys import same, stored_hash

REFRESH_SECONDS = 2.0
"""How long a request waits for a worker that was cut off to hear what it missed."""

MASTER_HELD = Held(MASTER, None)


class Admission:
    """The stage's handler."""

    def __init__(
        self,
        standings: Standings,
        catalog: Catalog[Offer],
        offers: Offers,
        follower: ChangeFollower,
        judgement: Judgement,
        *,
        master: str,
        secret: bytes,
        max_age_seconds: float,
        holders: TokenHolders | None = None,
    ) -> None:
        self._standings = standings
        self._catalog = catalog
        self._offers = offers
        self._follower = follower
        self._judgement = judgement
        self._master = master
        self._secret = secret
        self._max_age = max_age_seconds
        self.strangers = Strangers(time.monotonic())
        """Keeps a flood of keys that do not exist from the database."""
        self._holders = holders

    def admit(self, call: Call) -> Coroutine[None, None, None] | None:
        """Pass the request on with its principal, or raise why not; a coroutine where something must be waited for."""
        digest = call.ctx.credential
        if call.ctx.bearer and self._holders is not None:
            return self._admit_token(call, self._holders)
        if not digest:
            raise Unauthenticated("No API key was sent.")
        if same(digest, self._master):
            return self._judge(call, MASTER_HELD)
        hash = stored_hash(digest, self._secret)
        if self._follower.fresh and not self._outdated:
            held = self._standings.known(hash)
            if held is not None:
                return self._judge(call, held)
        return self._look_up(call, hash)

    def _admit_token(self, call: Call, holders: TokenHolders) -> Coroutine[None, None, None] | None:
        """Admit the holder of a token; from here on the request goes without it."""
        ctx = call.ctx
        shown = Shown(ctx.credential, ctx.bearer, ctx.wanted_team, policy_of(ctx.route).next != "admin")
        call.ctx = msgspec.structs.replace(ctx, bearer="", wanted_team="")
        if self._follower.fresh and not self._outdated:
            held = holders.known(shown)
            if held is not None:
                return self._judge(call, held)
        return self._look_up_token(call, shown, holders)

    async def _look_up_token(self, call: Call, shown: Shown, holders: TokenHolders) -> None:
        await self._refreshed(call)
        away = self._follower.store_away
        if self._outdated if away else not self._follower.fresh:
            raise Unavailable("the gateway cannot tell whether this token still works; try again", retry_after=1)
        held = holders.known(shown) or await holders.find(shown, call.ctx)
        if (more := self._judge(call, held)) is not None:
            await more

    async def _refreshed(self, call: Call) -> None:
        """Wait a little for a worker that was cut off to hear what it missed."""
        if not self._follower.fresh and not self._follower.store_away:
            await self._follower.wait_fresh(min(REFRESH_SECONDS, max(0.0, call.remaining)))

    async def _look_up(self, call: Call, hash: str) -> None:
        await self._refreshed(call)
        held = None if self._outdated else self._standings.known(hash)
        if held is None and self._follower.store_away:
            raise Unavailable("the database does not answer, so this key is not known", retry_after=2)
        if held is None:
            held = await self._ask(call.ctx.client, hash)
        elif not self._follower.fresh and not self._follower.store_away:
            raise Unavailable("the gateway cannot tell whether this key still works; try again", retry_after=1)
        if (more := self._judge(call, held)) is not None:
            await more

    async def _ask(self, client: str, hash: str) -> Held:
        """Ask the store, but not about any number of keys that do not exist."""
        if self._standings.is_asked(hash):
            return await self._standings.look_up(hash)
        self.strangers.check(client, time.monotonic())
        held = await self._standings.look_up(hash)
        if held.standing is None:
            self.strangers.note(client, time.monotonic())
        return held

    @property
    def _outdated(self) -> bool:
        """True once the caches were last known to be true so long ago that they no longer count."""
        return time.monotonic() - self._follower.fresh_at > self._max_age

    def _judge(self, call: Call, held: Held) -> Coroutine[None, None, None] | None:
        ctx = call.ctx
        policy = policy_of(ctx.route)
        standing = acting(check_usable(held.standing, time.time()), ctx.route)
        check_allowed(standing, policy, ctx)
        if not policy.model:
            return self._judgement.pass_on(call, standing, ctx.model, policy)
        target = standing.grants.target(ctx.model)
        if standing.principal.restricted and not self._allowed(standing, ctx.model, target):
            if not self._catalog.settled:
                return self._judge_again(call, held)
            raise not_allowed(ctx.model)
        return self._judgement.pass_on(call, standing, target, policy)

    async def _judge_again(self, call: Call, held: Held) -> None:
        """Judge once what was heard of models counts: it may be what allows this one."""
        if not await self._catalog.settle():
            raise Unavailable("the database does not answer, so not all models are known", retry_after=2)
        if (more := self._judge(call, await self._standings.of(held.record, held.finished))) is not None:
            await more

    def _allowed(self, standing: Standing, asked: str, target: str) -> bool:
        allow = standing.grants.allow
        return allow(asked, target) or allow(asked, target, provider_names(target, self._offers.of(target)))


def policy_of(route: str) -> Policy:
    """Return the policy of a matched route."""
    return PASSTHROUGH if route.startswith("passthrough") else ROUTES[route].policy
