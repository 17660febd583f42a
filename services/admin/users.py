"""The `/user` routes that change something; `user_views` has those that tell."""

import uuid
from collections.abc import Mapping
from typing import Any

from services.admin.domain.declared import refuse_declared
from services.admin.domain.defaults import with_defaults
from services.admin.domain.deletions import read_deleted
from services.admin.domain.fields import Fields
from services.admin.domain.key_shapes import token_shape
from services.admin.domain.limit_fields import LIMIT_FIELDS
from services.admin.domain.member_fields import Person
from services.admin.domain.member_shapes import deed_shape
from services.admin.domain.requests import Answer, Request
from services.admin.domain.rights import Caller, require
from services.admin.domain.route_grants import check_identity, check_makes
from services.admin.domain.user_fields import OWN_FIELDS, NewUser, read_new_user, read_user_update
from services.admin.domain.user_shapes import user_shape
from services.admin.first_keys import FirstKeys
from services.admin.people import People
from services.admin.recording import Deed, Recorder
from services.admin.spending import Spending
from services.admin.taking import Taken, Taking
from shared.errors import Conflict, Forbidden, InvalidRequest, NotFound
from shared.pricing.money import to_dollars
from shared.store.connection import Session
from shared.store.keys import KeyFilter, KeyRecord, Keys
from shared.store.people import UserRecord

MOST_AT_ONCE = 100
"""Users that one request may delete."""

_BY_PROXY_ADMINS = LIMIT_FIELDS | {"budget_id", "models", "sso_user_id", "user_id"}
"""What only proxy administrators say of a new user."""


class UserRoutes:
    """Makes, changes and deletes users."""

    def __init__(
        self,
        people: People,
        keys: Keys,
        taking: Taking,
        recorder: Recorder,
        first_keys: FirstKeys,
        spending: Spending,
        defaults: Mapping[str, Any],
    ) -> None:
        self._people = people
        self._keys = keys
        self._taking = taking
        self._recorder = recorder
        self._first_keys = first_keys
        self._spending = spending
        self._defaults = defaults

    async def new(self, request: Request) -> Answer:
        """Make a user, with a key unless none is wanted, and a member of its teams and organizations."""
        body = with_defaults(request.body, self._defaults)
        wanted = read_new_user(body, id=str(uuid.uuid4()), now=request.now, by=request.actor_name)
        self._check_maker(request, wanted)
        key, record = "", None
        if wanted.key is not None:
            key, record = self._first_keys.make(wanted.key, wanted.record.id, request)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            await self._check_free(wanted.record, session)
            await self._people.check_budget(wanted.record.budget_id, session)
            await self._people.users.insert(wanted.record, session)
            deeds = [Deed("user", wanted.record.id, "user.added", after=user_shape(wanted.record))]
            deeds += await self._join(wanted, request, session)
            if record is not None:
                await self._keys.insert(record, session)
                deeds.append(Deed("key", record.hash, "key.generated", after=token_shape(record)))
            return None, deeds

        await self._recorder.carry_out(request, work)
        reset_at = await self._spending.reset_at(wanted.record, request.now)
        return Answer(_new_shape(wanted, record, key, reset_at), tuple(wanted.record.ignored))

    async def update(self, request: Request) -> Answer:
        """Change a user, by id or by email address."""
        fields = Fields(request.body)
        person = Person(fields.text("user_id"), "" if fields.text("user_id") else fields.text("user_email"))
        if not person.name:
            fields.wrong("user_id", "is missing; a user is named by 'user_id' or 'user_email'")

        async def work(session: Session) -> tuple[UserRecord, list[Deed]]:
            before = await self._people.named(person, session)
            self._check_changer(request, before)
            if before is None:
                raise _no_user(person.name)
            refuse_declared(before, "user", "user_id")
            after = read_user_update(request.body, before, now=request.now, by=request.actor_name)
            if after.role != before.role:
                check_makes(request.caller.routes, after.role, "user_role")
            if after.sso_id != before.sso_id:
                check_identity(request.caller.routes, "sso_user_id")
            if after.email != before.email or after.sso_id != before.sso_id:
                await self._check_free(after, session, but=before.id)
            await self._people.check_budget(after.budget_id if after.budget_id != before.budget_id else "", session)
            await self._people.users.replace(after, session)
            return after, [Deed("user", after.id, "user.updated", user_shape(before), user_shape(after))]

        record = await self._recorder.carry_out(request, work)
        kept = tuple(name for name in record.ignored if name in request.body)
        reset_at = await self._spending.reset_at(record, request.now)
        return Answer({"user_id": record.id, "data": user_shape(record, reset_at=reset_at)}, kept)

    async def delete(self, request: Request) -> Answer:
        """Delete users with their keys and memberships, all of them or none."""
        ids = read_deleted(request.body, "user_ids", "user", most=MOST_AT_ONCE)

        async def work(session: Session) -> tuple[Taken, list[Deed]]:
            taken = Taken()
            for id in ids:
                await self._delete(id, request, taken, session)
            return taken, taken.deeds

        taken = await self._recorder.carry_out(request, work)
        return Answer({"deleted_users": list(ids), **taken.shape})

    async def _delete(self, id: str, request: Request, taken: Taken, session: Session) -> None:
        user = await self._people.users.find(id, session)
        require(_may_delete(request.caller, user), f"You may not delete the user '{id}'.", param="user_ids")
        if user is None:
            raise _no_user(id, "user_ids")
        refuse_declared(user, "user", "user_ids")
        await self._taking.keys(KeyFilter(user_id=id), taken, session, param="user_ids")
        await self._taking.members({"user": id}, taken, session, param="user_ids")
        await self._people.users.delete(id, session)
        taken.deeds.append(Deed("user", id, "user.deleted", before=user_shape(user)))

    def _check_maker(self, request: Request, wanted: NewUser) -> None:
        """Raise `Forbidden` where an organization's administrator makes a user who is more, or elsewhere.

        Nor may it choose the id: an identity provider could name a user by it later.
        """
        caller = request.caller
        check_makes(caller.routes, wanted.record.role, "user_role")
        if any(joining.role == "admin" for joining in wanted.teams):
            check_makes(caller.routes, "team_admin", "teams")
        if caller.is_admin:
            return
        if wanted.record.role not in ("internal_user", "internal_user_viewer"):
            raise Forbidden("Only proxy administrators make administrators.", param="user_role")
        if not wanted.organizations or not all(map(caller.administers_organization, wanted.organizations)):
            raise Forbidden("You may make users within organizations that you administer.", param="organizations")
        for name in sorted(request.body.keys() & _BY_PROXY_ADMINS):
            raise Forbidden(f"Only proxy administrators may set '{name}' of a user.", param=name)

    def _check_changer(self, request: Request, user: UserRecord | None) -> None:
        caller = request.caller
        if caller.is_admin:
            return
        own = user is not None and caller.is_user(user.id) and not caller.is_reader
        require(own, "You may change your own user only.", param="user_id")
        for name in sorted(request.body.keys() - OWN_FIELDS):
            raise Forbidden(f"Only proxy administrators may change '{name}' of a user.", param=name)

    async def _check_free(self, user: UserRecord, session: Session, *, but: str = "") -> None:
        """Raise `Conflict`, which names the field, where another user has the id, the address or the subject."""
        if not but and await self._people.users.find(user.id, session) is not None:
            raise Conflict(f"There is a user '{user.id}' already.", param="user_id")
        for field, name, value in (("email", "user_email", user.email), ("sso_id", "sso_user_id", user.sso_id)):
            found = await self._people.users.where({field: value}, limit=1, session=session) if value else []
            if found and found[0].id != but:
                raise Conflict(f"Another user has this '{name}' already.", param=name)

    async def _join(self, wanted: NewUser, request: Request, session: Session) -> list[Deed]:
        user, deeds = wanted.record.id, []
        for joining in wanted.teams:
            team = await self._people.teams.find(joining.team, session)
            allowed = request.caller.administers_team(joining.team, team.organization_id if team else "")
            by_default = not request.body.keys() & {"team_id", "teams"}
            require(allowed or by_default, f"You may not add members to the team '{joining.team}'.", param="teams")
            if team is None:
                raise InvalidRequest(f"There is no team '{joining.team}'.", param="teams")
            member = await self._people.join(
                "team", team.id, user, session, at=request.now, role=joining.role, limits=joining.limits
            )
            deeds.append(Deed("member", member.id, "team.member_added", after=deed_shape(member)))
        for id in wanted.organizations:
            if await self._people.organizations.find(id, session) is None:
                raise InvalidRequest(f"There is no organization '{id}'.", param="organizations")
            member = await self._people.join("organization", id, user, session, at=request.now, role=_role_of(wanted))
            deeds.append(Deed("member", member.id, "organization.member_added", after=deed_shape(member)))
        return deeds


def _may_delete(caller: Caller, user: UserRecord | None) -> bool:
    """Tell whether a caller may delete a user: an organization's administrator those who were made in it.

    To be a member is not enough: an administrator who adds somebody to the organization would get power over keys that
    have nothing to do with it.
    """
    ordinary = user is not None and user.role in ("internal_user", "internal_user_viewer")
    return caller.is_admin or (ordinary and user is not None and caller.administers_organization(user.organization_id))


def _role_of(wanted: NewUser) -> Any:
    return "viewer" if wanted.record.role == "internal_user_viewer" else "user"


def _new_shape(wanted: NewUser, record: KeyRecord | None, key: str, reset_at: float | None) -> dict[str, Any]:
    """Return LiteLLM's `NewUserResponse`: the key, and what is the user's where both have a field of that name."""
    said = wanted.key or {}
    of_key = {**token_shape(record, 0), "token_id": record.hash} if record else {"token": None}
    return {
        **of_key,
        **user_shape(wanted.record, reset_at=reset_at),
        "spend": to_dollars(0),
        "key": key,
        "duration": said.get("duration"),
        "team_id": said.get("team_id"),
        "teams": [joining.team for joining in wanted.teams],
        "organizations": list(wanted.organizations),
    }


def _no_user(id: str, param: str = "user_id") -> NotFound:
    return NotFound(f"There is no user '{id}'.", param=param)
