"""Admits a request or refuses it: at once where all is known of the caller, after a look in the store otherwise."""

import time
from collections.abc import Coroutine

import msgspec

from services.auth.domain.admission import check_allowed, check_usable, not_allowed
from services.auth.domain.offers import Offer
from services.auth.domain.standing import MASTER, Standing
from services.auth.standings import Held, Standings
from shared.bus.changes import ChangeFollower
from shared.bus.stage import Call
from shared.catalog.catalog import Catalog, provider_names
from shared.errors import Unauthenticated, Unavailable
from shared.routes import ROUTES, Policy
from shared.routes.llm import PASSTHROUGH
from shared.schemas.context import RequestContext
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
        follower: ChangeFollower,
        *,
        master: str,
        secret: bytes,
        max_age_seconds: float,
    ) -> None:
        self._standings = standings
        self._catalog = catalog
        self._follower = follower
        self._master = master
        self._secret = secret
        self._max_age = max_age_seconds

    def admit(self, call: Call) -> Coroutine[None, None, None] | None:
        """Pass the request on with its principal, or raise why not; a coroutine where something must be waited for."""
        digest = call.ctx.credential
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

    async def _look_up(self, call: Call, hash: str) -> None:
        if not self._follower.fresh and not self._follower.store_away:
            await self._follower.wait_fresh(min(REFRESH_SECONDS, max(0.0, call.remaining)))
        held = None if self._outdated else self._standings.known(hash)
        if held is None and self._follower.store_away:
            raise Unavailable("the database does not answer, so this key is not known", retry_after=2)
        if held is None:
            held = await self._standings.look_up(hash)
        elif not self._follower.fresh and not self._follower.store_away:
            raise Unavailable("the gateway cannot tell whether this key still works; try again", retry_after=1)
        if (more := self._judge(call, held)) is not None:
            await more

    @property
    def _outdated(self) -> bool:
        """True once the caches were last known to be true so long ago that they no longer count."""
        return time.monotonic() - self._follower.fresh_at > self._max_age

    def _judge(self, call: Call, held: Held) -> Coroutine[None, None, None] | None:
        ctx = call.ctx
        policy = policy_of(ctx.route)
        standing = check_usable(held.standing, time.time())
        check_allowed(standing, policy, ctx)
        if not policy.model:
            return self._pass_on(call, standing, ctx.model)
        target = standing.grants.target(ctx.model)
        if standing.principal.restricted and not self._allowed(standing, ctx.model, target):
            if not self._catalog.settled:
                return self._judge_again(call, held)
            raise not_allowed(ctx.model)
        return self._pass_on(call, standing, target)

    async def _judge_again(self, call: Call, held: Held) -> None:
        """Judge once what was heard of models counts: it may be what allows this one."""
        if not await self._catalog.settle():
            raise Unavailable("the database does not answer, so not all models are known", retry_after=2)
        if (more := self._judge(call, await self._standings.of(held.record))) is not None:
            await more

    def _allowed(self, standing: Standing, asked: str, target: str) -> bool:
        allow = standing.grants.allow
        return allow(asked, target) or allow(asked, target, provider_names(target, self._catalog.known(target) or ()))

    def _pass_on(self, call: Call, standing: Standing, model: str) -> Coroutine[None, None, None] | None:
        call.forward(call.ctx.next, introduced(call.ctx, standing, model))
        return None


def introduced(ctx: RequestContext, standing: Standing, model: str) -> RequestContext:
    """Return the context as it goes on: it says who asks, and for which model group."""
    tags = tuple(dict.fromkeys((*ctx.tags, *standing.tags))) if standing.tags else ctx.tags
    return msgspec.structs.replace(
        ctx,
        credential="",
        principal=standing.principal,
        model=model,
        tags=tags,
        wanted_guardrails=standing.guardrails,
    )


def policy_of(route: str) -> Policy:
    """Return the policy of a matched route."""
    return PASSTHROUGH if route.startswith("passthrough") else ROUTES[route].policy
