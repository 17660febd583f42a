"""Who holds a token: its claims with the records of its user and team, true as of the last change heard of."""

from typing import TypeVar

import msgspec
from cachetools import LRUCache

from services.auth.domain.jwt_claims import team_for
from services.auth.domain.jwt_principal import needs_user, principal_of_token
from services.auth.jwt.newcomers import Newcomers
from services.auth.jwt.tokens import Tokens, Verified
from shared.bus.changes import ChangeFollower
from shared.errors import Forbidden
from shared.routes import Policy
from shared.schemas.context import Principal, RequestContext
from shared.schemas.control import Change
from shared.store.objects import Objects
from shared.store.people import TeamRecord, UserRecord

R = TypeVar("R", bound=msgspec.Struct)


class Holders:
    """Principals of tokens, from bounded caches in front of the store."""

    def __init__(self, tokens: Tokens, newcomers: Newcomers, teams: Objects[TeamRecord], capacity: int) -> None:
        self._tokens = tokens
        self._newcomers = newcomers
        self._stored_teams = teams
        self._users: LRUCache[str, UserRecord] = LRUCache(capacity)
        self._teams: LRUCache[str, TeamRecord] = LRUCache(capacity)
        self.follower: ChangeFollower | None = None

    def __len__(self) -> int:
        return len(self._users) + len(self._teams)

    def forget(self, change: Change) -> None:
        """Drop what changed; a user may be known by another name than its id."""
        if change.kind == "user":
            self._users.clear()
        elif change.kind == "team":
            self._teams.pop(change.id, None)

    def clear(self) -> None:
        """Drop everything that the store said."""
        self._users.clear()
        self._teams.clear()

    def known(self, ctx: RequestContext, policy: Policy) -> Principal | None:
        """Return the holder of a request's token if nothing has to be asked for it."""
        verified = self._tokens.known(ctx.credential)
        if verified is None:
            return None
        claimed = verified.claimed
        user, team = self._users.get(claimed.user), self._teams.get(_team(verified, ctx, policy))
        if (user is None and needs_user(claimed)) or (team is None and _team(verified, ctx, policy)):
            return None
        return principal_of_token(claimed, verified.issuer, user, team)

    async def find(self, ctx: RequestContext, policy: Policy) -> Principal:
        """Return the holder of a request's token.

        Raises `Unauthenticated` for a token that is not good, `Forbidden` for a user or team that may not,
        `Unavailable` where that cannot be told.
        """
        verified = await self._tokens.verify(ctx.credential, ctx.bearer)
        user = await self._user(verified, ctx)
        team = await self._team(_team(verified, ctx, policy))
        return principal_of_token(verified.claimed, verified.issuer, user, team)

    async def _user(self, verified: Verified, ctx: RequestContext) -> UserRecord | None:
        claimed, issuer = verified.claimed, verified.issuer
        if not claimed.user:
            return None
        found = self._users.get(claimed.user)
        if found is None:
            generation = self._generation
            found = await self._newcomers.find(claimed.user)
            if found is None and issuer.create_users:
                found = await self._newcomers.welcome(claimed, issuer, request=ctx.id, client=ctx.client)
            if found is None and needs_user(claimed):
                raise Forbidden("The token's user is not known here.")
            self._remember(self._users, claimed.user, found, generation)
        return found

    async def _team(self, id: str) -> TeamRecord | None:
        if not id:
            return None
        found = self._teams.get(id)
        if found is None:
            generation = self._generation
            found = await self._stored_teams.find(id)
            if found is None:
                raise Forbidden("The token's team is not known here.")
            self._remember(self._teams, id, found, generation)
        return found

    @property
    def _generation(self) -> int:
        assert self.follower is not None  # noqa: S101 - set by the composition root
        return self.follower.generation

    def _remember(self, cache: LRUCache[str, R], id: str, record: R | None, generation: int) -> None:
        """Keep what the store said, unless a change came meanwhile and it may be of before it."""
        assert self.follower is not None  # noqa: S101 - set by the composition root
        if record is not None and generation == self.follower.generation and self.follower.fresh:
            cache[id] = record


def _team(verified: Verified, ctx: RequestContext, policy: Policy) -> str:
    return team_for(verified.claimed, ctx.wanted_team, needed=policy.next != "admin")
