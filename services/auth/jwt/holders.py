"""Who holds a token: its claims with the records of its user and team, true as of the last change heard of."""

from services.auth.domain.jwt_claims import Claimed, team_for
from services.auth.domain.jwt_standing import needs_user, record_of, standing_of_token
from services.auth.domain.standing import Standing
from services.auth.jwt.interface import Shown
from services.auth.jwt.newcomers import Newcomers
from services.auth.jwt.tokens import Tokens, Verified
from services.auth.records import Records
from services.auth.standings import Held, Standings
from shared.errors import Forbidden
from shared.schemas.context import RequestContext
from shared.store.people import UserRecord


class Holders:
    """Implements `services.auth.jwt.interface.TokenHolders`."""

    def __init__(self, tokens: Tokens, newcomers: Newcomers, records: Records, standings: Standings) -> None:
        self._tokens = tokens
        self._newcomers = newcomers
        self._records = records
        self._standings = standings

    def known(self, shown: Shown) -> Held | None:
        """Return what holds for a token's holder if neither its issuer nor the store must be asked."""
        verified = self._tokens.known(shown.digest)
        if verified is None:
            return None
        team = team_for(verified.claimed, shown.wanted_team, needed=shown.team_needed)
        return self._standings.known(record_of(verified.claimed, shown.digest, "", team).hash)

    async def find(self, shown: Shown, ctx: RequestContext) -> Held:
        """Return what holds for a token's holder; `ctx` names the request and its client in the audit.

        Raises `Unauthenticated` for a token that is not good, `Forbidden` for a user or team that may not,
        `Unavailable` where that cannot be told.
        """
        verified = await self._tokens.verify(shown.digest, shown.token)
        claimed, issuer = verified.claimed, verified.issuer
        team = team_for(claimed, shown.wanted_team, needed=shown.team_needed)
        user = await self._user(verified, ctx)

        def finished(standing: Standing) -> Standing:
            return standing_of_token(standing, claimed, issuer, user_exists=user is not None)

        record = record_of(claimed, shown.digest, user.id if user is not None else "", team)
        return await self._standings.of(record, finished)

    async def _user(self, verified: Verified, ctx: RequestContext) -> UserRecord | None:
        claimed, issuer = verified.claimed, verified.issuer
        found = await self._found(claimed)
        if found is None and claimed.user and issuer.create_users:
            found = await self._newcomers.welcome(claimed, issuer, request=ctx.id, client=ctx.client)
            # The change goes to every worker, this one too; but it is not waited for.
            for users in (self._records.user, self._records.sso):
                users.forget(claimed.user)
        if found is None and needs_user(claimed):
            raise Forbidden("The token's user is not known here.")
        return found

    async def _found(self, claimed: Claimed) -> UserRecord | None:
        if not claimed.user:
            return None
        for users in (self._records.user, self._records.sso):
            entry = users.get(claimed.user) or await users.fetch(claimed.user)
            if entry.record is not None:
                return entry.record
        return None
