"""Finds keys and what stands around them, within the transaction that changes them."""

from collections.abc import Sequence

import msgspec

from services.admin.domain.declared import refuse_declared
from services.admin.domain.key_grants import Surroundings
from services.admin.domain.key_ids import shown_id
from services.admin.domain.key_rights import Home, may_change, may_see
from services.admin.domain.requests import Request
from services.admin.domain.rights import Caller
from shared.errors import Forbidden, InvalidRequest, NotFound
from shared.schemas.limits import Limits, merged
from shared.store.budgets import budgets
from shared.store.connection import Session, Store
from shared.store.keys import KeyRecord, Keys
from shared.store.people import membership_id, memberships, organizations, teams, users


class KeyLookup:
    """The collections that decide about a key."""

    def __init__(self, store: Store) -> None:
        self._keys = Keys(store)
        self._users = users(store)
        self._teams = teams(store)
        self._organizations = organizations(store)
        self._memberships = memberships(store)
        self._budgets = budgets(store)

    async def seen(self, hashes: Sequence[str], id: str, request: Request) -> KeyRecord:
        """Return a key that the caller may see; who may not see everything is not told which keys exist."""
        caller = request.caller
        record = await self._keys.find_by_id(hashes)
        if record is None or not may_see(caller, record, await self.home(record)):
            raise _no_key(id) if caller.sees_all else _not_yours(id)
        return record

    async def changeable(self, hashes: Sequence[str], id: str, caller: Caller, session: Session) -> KeyRecord:
        """Return a key that the caller may change; what the configuration file declares is changed there."""
        return await self._checked(await self._keys.find_by_id(hashes, session), id, caller, session)

    async def changeable_by_alias(self, alias: str, caller: Caller, session: Session) -> KeyRecord:
        """Return the key of an alias that the caller may change."""
        return await self._checked(await self._keys.find_by_alias(alias, session), alias, caller, session)

    async def home(self, record: KeyRecord, session: Session = None) -> Home:
        """Return the groups that a key is in."""
        team = await self._teams.find(record.team_id, session) if record.team_id else None
        above = team.organization_id if team else ""
        return Home(record.team_id, record.organization_id or above, above)

    async def own(self, caller: Caller, session: Session = None) -> KeyRecord | None:
        """Return the key by which the caller came, as it may give; None for the master key and for tokens of others.

        Its limits are those that hold for it, its budget's included.
        """
        record = await self._keys.find_by_id([caller.key], session) if caller.key else None
        if record is None:
            return None
        return msgspec.structs.replace(record, limits=await self.held(record, session))

    async def held(self, record: KeyRecord, session: Session = None) -> Limits:
        """Return what limits a key: its own limits, and those of its budget."""
        return await self._limits_of(record, session)

    async def surroundings(self, record: KeyRecord, giver: KeyRecord | None, session: Session) -> Surroundings:
        """Return what stands around a key; raise `InvalidRequest`, which names the field, for what does not exist."""
        team = await self._teams.find(record.team_id, session) if record.team_id else None
        if record.team_id and team is None:
            raise InvalidRequest(f"There is no team '{record.team_id}'.", param="team_id")
        organization_id = record.organization_id or (team.organization_id if team else "")
        organization = await self._organizations.find(organization_id, session) if organization_id else None
        if record.organization_id and organization is None:
            raise InvalidRequest(f"There is no organization '{record.organization_id}'.", param="organization_id")
        if team and record.organization_id and team.organization_id not in ("", record.organization_id):
            raise InvalidRequest(f"The team '{team.id}' is in another organization.", param="organization_id")
        user = await self._users.find(record.user_id, session) if record.user_id else None
        return Surroundings(
            team=team,
            organization=organization,
            user=user,
            giver=giver,
            limits=await self._limits(record.limits, record.budget_id, session),
            team_limits=await self._limits_of(team, session),
            organization_limits=await self._limits_of(organization, session),
            user_limits=await self._limits_of(user, session),
        )

    async def check_member(self, record: KeyRecord, session: Session) -> None:
        """Raise `Forbidden` unless the key's user is in the key's groups."""
        groups = (("team", record.team_id, "team_id"), ("organization", record.organization_id, "organization_id"))
        for kind, group, field in groups:
            if not (record.user_id and group):
                continue
            id = membership_id(kind, group, record.user_id)  # type: ignore[arg-type]
            if await self._memberships.find(id, session) is None:
                raise Forbidden(f"The user '{record.user_id}' is not in the {kind} '{group}'.", param=field)

    async def _checked(self, record: KeyRecord | None, id: str, caller: Caller, session: Session) -> KeyRecord:
        if record is None or not may_change(caller, record, await self.home(record, session)):
            raise _no_key(id) if caller.is_admin else _not_yours(id)
        refuse_declared(record, "key", "key")
        return record

    async def _limits(self, own: Limits, budget_id: str, session: Session) -> Limits:
        if not budget_id:
            return own
        budget = await self._budgets.find(budget_id, session)
        if budget is None:
            raise InvalidRequest(f"There is no budget '{budget_id}'.", param="budget_id")
        return merged(own, budget.limits)

    async def _limits_of(self, holder: object, session: Session) -> Limits:
        """Return what holds for a key, team, organization or user; a budget that is gone limits nothing."""
        if holder is None:
            return Limits()
        own: Limits = holder.limits  # type: ignore[attr-defined]
        budget_id: str = holder.budget_id  # type: ignore[attr-defined]
        budget = await self._budgets.find(budget_id, session) if budget_id else None
        return merged(own, budget.limits) if budget else own


def _no_key(id: str) -> NotFound:
    return NotFound(f"There is no key '{shown_id(id)}'.", param="key")


def _not_yours(id: str) -> Forbidden:
    return Forbidden(f"The key '{shown_id(id)}' is none of those that you may see or change.", param="key")
