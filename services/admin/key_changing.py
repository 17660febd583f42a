"""How a key's record is changed: with the keys whose place it took, and never beyond what its giver has."""

from collections.abc import Collection

import msgspec

from services.admin.domain.key_bounds import KeyBounds
from services.admin.domain.key_grants import check_grant, check_narrowed
from services.admin.domain.key_rights import administers, may_make
from services.admin.domain.key_shapes import token_shape
from services.admin.domain.requests import Request
from services.admin.key_lookup import KeyLookup
from services.admin.recording import Deed
from shared.errors import Forbidden, InvalidRequest
from shared.routes.names import wrong_name
from shared.schemas.limits import Limits
from shared.store.connection import Session
from shared.store.keys import KeyRecord, Keys


class KeyChanging:
    """Checks and writes changes of keys, within a transaction."""

    def __init__(
        self,
        keys: Keys,
        lookup: KeyLookup,
        bounds: KeyBounds,
        guardrails: Collection[str],
        endpoints: Collection[str],
    ) -> None:
        self._keys = keys
        self._lookup = lookup
        self._bounds = bounds
        self._guardrails = guardrails
        self._endpoints = endpoints

    def check_names(self, after: KeyRecord, before: KeyRecord | None = None) -> None:
        """Raise `InvalidRequest` for a guardrail or a route that does not exist: it would check or allow nothing.

        What was there `before` may stay, though the configuration has it no more.
        """
        for name in after.guardrails:
            if name not in self._guardrails and (before is None or name not in before.guardrails):
                raise InvalidRequest(f"There is no guardrail '{name}'.", param="guardrails")
        known = before.allowed_routes if before is not None else ()
        wrong = wrong_name([entry for entry in after.allowed_routes if entry not in known], self._endpoints)
        if wrong:
            raise InvalidRequest(f"{wrong}.", param="allowed_routes")

    async def check(self, before: KeyRecord, after: KeyRecord, request: Request, session: Session) -> None:
        """Raise `Forbidden` or `InvalidRequest` where a change gives more than the caller has."""
        caller = request.caller
        self.check_names(after, before)
        giver = await self._lookup.own(caller, session)
        around = await self._lookup.surroundings(after, giver, session)
        if not caller.is_admin:
            await self._check_place(before, after, around.limits, request, session)
        check_grant(caller, before, after, around)
        self._bounds.check_change(before, after, around.limits, request.now)

    async def write(self, before: KeyRecord, after: KeyRecord, action: str, session: Session) -> list[Deed]:
        """Write a change, and the same for the keys whose place this one took: they are one key to limits."""
        await self._keys.replace(after, session)
        deeds = [Deed("key", after.hash, action, token_shape(before), token_shape(after))]
        for old in await self._keys.superseded(before, session):
            follower = _as_superseded(old, after)
            await self._keys.replace(follower, session)
            deeds.append(Deed("key", old.hash, action, token_shape(old), token_shape(follower)))
        return deeds

    async def supersede(
        self, before: KeyRecord, after: KeyRecord, until: float | None, request: Request, session: Session
    ) -> list[Deed]:
        """Put a key that was made anew in the place of the old one, which works until then, if at all."""
        deeds = []
        olds = await self._keys.superseded(before, session)
        for old in (before, *olds):
            ends = until if old is before else old.expires
            if ends is None or ends <= request.now:
                await self._keys.delete(old.hash, session, superseded=True)
                deeds.append(Deed("key", old.hash, "key.superseded", before=token_shape(old)))
                continue
            follower = _as_superseded(msgspec.structs.replace(old, expires=_sooner(ends, old.expires)), after)
            await self._keys.replace(follower, session)
            deeds.append(Deed("key", old.hash, "key.superseded", token_shape(old), token_shape(follower)))
        await self._keys.insert_anew(after, session)
        return [Deed("key", after.hash, "key.regenerated", token_shape(before), token_shape(after)), *deeds]

    async def remove(self, record: KeyRecord, session: Session) -> list[Deed]:
        """Delete a key, and those whose place it took."""
        records = [record, *await self._keys.superseded(record, session)]
        for item in records:
            await self._keys.delete(item.hash, session)
        return [Deed("key", item.hash, "key.deleted", before=token_shape(item)) for item in records]

    async def _check_place(
        self, before: KeyRecord, after: KeyRecord, has: Limits, request: Request, session: Session
    ) -> None:
        """Raise `Forbidden` where somebody who manages no group of the key widens it, or moves it elsewhere."""
        caller = request.caller
        if not administers(caller, await self._lookup.home(before, session)):
            check_narrowed(before, after, await self._lookup.held(before, session), has)
            return
        moved = (before.user_id, before.team_id, before.organization_id) != (
            after.user_id,
            after.team_id,
            after.organization_id,
        )
        if not moved:
            return
        if not may_make(caller, after, await self._lookup.home(after, session)):
            raise Forbidden("You may move keys within groups that you manage.", param="team_id")
        await self._lookup.check_member(after, session)


def _as_superseded(old: KeyRecord, now: KeyRecord) -> KeyRecord:
    """Return what an old key is while it works: the new one, but for its hash, its name, and its end."""
    return msgspec.structs.replace(
        now,
        hash=old.hash,
        key_name=old.key_name,
        key_alias="",
        account=now.id,
        superseded_by=now.hash,
        expires=_sooner(old.expires, now.expires),
    )


def _sooner(one: float | None, other: float | None) -> float | None:
    ends = [end for end in (one, other) if end is not None]
    return min(ends) if ends else None
