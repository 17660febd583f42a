"""Whose spend a caller may see: everybody's, its organization's, its team's, its user's, or its key's."""

from dataclasses import replace

from services.admin.domain.fields import Fields
from services.admin.domain.key_ids import stored_candidates
from services.admin.domain.requests import Request
from shared.errors import Forbidden
from shared.schemas.scopes import Scope
from shared.store.connection import Store
from shared.store.keys import KeyRecord, Keys
from shared.store.ledger import Ledger
from shared.store.pages import Wanted
from shared.store.people import teams

NAMES = frozenset({"api_key", "end_user", "model_group", "organization_id", "tag", "team_id", "user_id"})
"""Query parameters that say whose spend is asked for."""


class SpendAccess:
    """Turns what is asked for into what may be shown."""

    def __init__(self, store: Store, ledger: Ledger, secret: bytes) -> None:
        self._keys = Keys(store)
        self._teams = teams(store)
        self._ledger = ledger
        self._secret = secret

    async def wanted(self, request: Request, fields: Fields) -> Wanted:
        """Return what to show; raises `Forbidden` for what is somebody else's, whether it exists or not."""
        asked = Wanted(
            user=fields.text("user_id"),
            team=fields.text("team_id"),
            organization=fields.text("organization_id"),
            customer=fields.text("end_user"),
            group=fields.text("model_group"),
            tag=fields.text("tag"),
        )
        if request.is_own_only:
            return await self._own(request, fields.text("api_key"), asked)
        id = fields.text("api_key")
        return replace(asked, key=await self._any_key(id)) if id else asked

    async def _own(self, request: Request, key: str, asked: Wanted) -> Wanted:
        caller = request.caller
        if not caller.key and not caller.user:
            raise Forbidden("This caller is no user and has no key, so no spend is its own.")
        candidates = stored_candidates(key, self._secret, "api_key") if key else ()
        own = await self._is_own(caller.key, candidates)
        if caller.role == "key_holder":
            if (candidates and not own) or asked.user not in ("", caller.user):
                raise Forbidden("This API key may ask for its own spend only.", param="api_key")
            await self._check_group(request, asked)
            return replace(asked, key=caller.key)
        if candidates and not own:
            asked = replace(asked, key=await self._visible_key(request, candidates))
        elif candidates:
            asked = replace(asked, key=caller.key)
        if asked.key and asked.key != caller.key:
            return asked
        if asked.team or asked.organization:
            await self._check_group(request, asked)
            return asked
        if asked.user not in ("", caller.user):
            raise Forbidden("Another user's spend is not yours to see.", param="user_id")
        return replace(asked, user=caller.user) if not asked.key else asked

    async def _is_own(self, key: str, candidates: tuple[str, ...]) -> bool:
        """Tell whether one of the hashes means the caller's key, which goes by its first one once it is made anew."""
        if not key or not candidates or key in candidates:
            return key in candidates
        record = await self._keys.find_by_id(candidates)
        return record is not None and record.id == key

    async def _check_group(self, request: Request, asked: Wanted) -> None:
        """Raise `Forbidden` unless the caller belongs to the team, or administers the organization."""
        caller = request.caller
        if asked.organization and asked.organization not in caller.administered_organizations:
            raise Forbidden("This organization's spend is not yours to see.", param="organization_id")
        if asked.team and not caller.sees_team(asked.team):
            team = await self._teams.find(asked.team)
            if team is None or not caller.sees_team(asked.team, team.organization_id):
                raise Forbidden("This team's spend is not yours to see.", param="team_id")
        if asked.user not in ("", caller.user) and not await self._administers(request, asked):
            raise Forbidden("Another user's spend is for administrators of the group to see.", param="user_id")

    async def _administers(self, request: Request, asked: Wanted) -> bool:
        if not asked.team:
            return bool(asked.organization)  # whoever may name an organization administers it
        team = await self._teams.find(asked.team)
        return team is not None and request.caller.administers_team(asked.team, team.organization_id)

    async def _visible_key(self, request: Request, candidates: tuple[str, ...]) -> str:
        for hash in candidates:
            record = await self._keys.find(hash)
            if record is not None and await self._sees_key(request, record):
                return record.id
        raise Forbidden("This key's spend is not yours to see.", param="api_key")

    async def _sees_key(self, request: Request, record: KeyRecord) -> bool:
        caller = request.caller
        if caller.is_user(record.user_id):
            return True
        team = await self._teams.find(record.team_id) if record.team_id else None
        organization = team.organization_id if team else record.organization_id
        return caller.administers_team(record.team_id, organization)

    async def _any_key(self, id: str) -> str:
        """Return a key's lasting id. The entries of a deleted key remain, so an id that is no key's may be theirs."""
        candidates = stored_candidates(id, self._secret, "api_key")
        for hash in candidates:
            record = await self._keys.find(hash)
            if record is not None:
                return record.id
            if await self._ledger.spent(Scope("key", hash), 0):
                return hash
        return candidates[0]
