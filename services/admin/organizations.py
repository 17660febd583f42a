"""The `/organization` routes about organizations themselves; `organization_members` has those about who is in them."""

import uuid
from collections.abc import Sequence
from typing import Any

from services.admin.domain.declared import refuse_declared
from services.admin.domain.deletions import read_deleted
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.member_shapes import organization_membership_shape
from services.admin.domain.organization_fields import read_new_organization, read_organization_update
from services.admin.domain.organization_shapes import organization_shape
from services.admin.domain.requests import Answer, Request
from services.admin.domain.rights import require
from services.admin.people import People
from services.admin.recording import Deed, Recorder
from services.admin.spending import Spending
from services.admin.taking import Taken, Taking
from services.admin.team_shapes import TeamShapes
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.schemas.scopes import Scope
from shared.store.connection import Session
from shared.store.keys import KeyFilter
from shared.store.objects import Query, containing, every, one_of
from shared.store.people import OrganizationRecord

MOST_AT_ONCE = 20
"""Organizations that one request may delete."""

MOST_LISTED = 1000
MOST_TEAMS = 1000
"""Organizations in one answer, and teams of one organization."""

_INFO = FieldPolicy(frozenset({"organization_id"}), {}, frozenset())
_MANY = FieldPolicy(frozenset({"organizations"}), {}, frozenset())
_LIST = FieldPolicy(frozenset({"org_alias", "org_id"}), {}, frozenset())


class OrganizationRoutes:
    """Makes, shows, changes and deletes organizations."""

    def __init__(
        self, people: People, taking: Taking, teams: TeamShapes, spending: Spending, recorder: Recorder
    ) -> None:
        self._people = people
        self._taking = taking
        self._teams = teams
        self._spending = spending
        self._recorder = recorder

    async def new(self, request: Request) -> Answer:
        """Make an organization."""
        record = read_new_organization(request.body, id=str(uuid.uuid4()), now=request.now, by=request.actor_name)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            if await self._people.organizations.find(record.id, session) is not None:
                raise Conflict(f"There is an organization '{record.id}' already.", param="organization_id")
            await self._people.check_budget(record.budget_id, session)
            await self._people.organizations.insert(record, session)
            return None, [Deed("organization", record.id, "organization.added", after=organization_shape(record))]

        await self._recorder.carry_out(request, work)
        return Answer(await self._shape(record, request), tuple(record.ignored))

    async def update(self, request: Request) -> Answer:
        """Change an organization."""
        id = request.path.get("organization_id") or Fields(request.body).needed_text("organization_id")

        async def work(session: Session) -> tuple[OrganizationRecord, list[Deed]]:
            before = await self._found(id, session)
            refuse_declared(before, "organization", "organization_id")
            after = read_organization_update(request.body, before, now=request.now, by=request.actor_name)
            if after.budget_id != before.budget_id:
                await self._people.check_budget(after.budget_id, session)
            await self._people.organizations.replace(after, session)
            shapes = organization_shape(before), organization_shape(after)
            return after, [Deed("organization", id, "organization.updated", *shapes)]

        record = await self._recorder.carry_out(request, work)
        kept = tuple(name for name in record.ignored if name in request.body)
        return Answer(await self._whole_shape(record, request), kept)

    async def info(self, request: Request) -> Answer:
        """Tell about an organization, its members and teams."""
        _INFO.sort_out(request.query)
        id = Fields(request.query).needed_text("organization_id")
        return Answer(await self._whole_shape(await self._seen(id, "organization_id", request), request))

    async def info_of_many(self, request: Request) -> Answer:
        """Tell about several organizations, as older clients ask."""
        _MANY.sort_out(request.body)
        ids = Fields(request.body).texts("organizations")
        if not ids:
            raise InvalidRequest("'organizations' must name at least one organization.", param="organizations")
        records = [await self._seen(id, "organizations", request) for id in ids]
        return Answer([await self._shape(record, request) for record in records])

    async def list(self, request: Request) -> Answer:
        """List organizations: all of them, or those that the caller belongs to."""
        _LIST.sort_out(request.query)
        fields = Fields(request.query)
        parts: list[Query] = []
        if id := fields.text("org_id"):
            parts.append({"_id": id})
        if alias := fields.text("org_alias"):
            parts.append({"alias": containing(alias)})
        if not request.caller.sees_all:
            parts.append({"_id": one_of(sorted(request.caller.organizations))})
        records = await self._people.organizations.where(every(*parts), limit=MOST_LISTED)
        return Answer([await self._whole_shape(record, request) for record in records])

    async def delete(self, request: Request) -> Answer:
        """Delete organizations with their teams, keys and memberships, all of them or none."""
        ids = read_deleted(request.body, "organization_ids", "organization", most=MOST_AT_ONCE)

        async def work(session: Session) -> tuple[list[dict[str, Any]], list[Deed]]:
            shapes, deeds = [], list[Deed]()
            for id in ids:
                taken = Taken()
                record = await self._found(id, session, param="organization_ids")
                refuse_declared(record, "organization", "organization_ids")
                await self._delete(record, taken, session)
                deeds += taken.deeds
                went = {**taken.shape, "deleted_teams": taken.teams}
                shapes.append({**organization_shape(record), "spend": 0.0, **went})
            return shapes, deeds

        return Answer(await self._recorder.carry_out(request, work))

    async def _delete(self, record: OrganizationRecord, taken: Taken, session: Session) -> None:
        teams = await self._people.teams.where({"organization_id": record.id}, limit=MOST_TEAMS + 1, session=session)
        if len(teams) > MOST_TEAMS:
            raise InvalidRequest(f"It has more than {MOST_TEAMS} teams; delete those first.", param="organization_ids")
        for team in teams:
            await self._taking.team(team, taken, session, param="organization_ids")
        await self._taking.keys(KeyFilter(organization_id=record.id), taken, session, param="organization_ids")
        members = {"kind": "organization", "group": record.id}
        await self._taking.members(members, taken, session, param="organization_ids")
        await self._people.organizations.delete(record.id, session)
        deed = Deed("organization", record.id, "organization.deleted", before=organization_shape(record))
        taken.deeds.append(deed)

    async def _found(self, id: str, session: Session, *, param: str = "organization_id") -> OrganizationRecord:
        record = await self._people.organizations.find(id, session)
        if record is None:
            raise NotFound(f"There is no organization '{id}'.", param=param)
        return record

    async def _seen(self, id: str, param: str, request: Request) -> OrganizationRecord:
        require(request.caller.sees_organization(id), f"You may not see the organization '{id}'.", param=param)
        return await self._found(id, None, param=param)

    async def _shape(
        self,
        record: OrganizationRecord,
        request: Request,
        members: Sequence[dict[str, Any]] = (),
        teams: Sequence[dict[str, Any]] = (),
    ) -> dict[str, Any]:
        scope = Scope("organization", record.id)
        spent = await self._spending.of(scope, record, request.now)
        return {**organization_shape(record, members, teams, reset_at=spent.reset_at), **spent.shape}

    async def _whole_shape(self, record: OrganizationRecord, request: Request) -> dict[str, Any]:
        """Return an organization with members and teams; who does not administer it sees its own part of them."""
        caller = request.caller
        members = await self._people.members("organization", record.id)
        teams = await self._people.teams.where({"organization_id": record.id}, limit=MOST_TEAMS)
        if not caller.sees_all and not caller.administers_organization(record.id):
            members = [member for member in members if caller.is_user(member.user)]
            teams = [team for team in teams if team.id in caller.teams]
        users = await self._people.users.find_many([member.user for member in members])
        shapes = [organization_membership_shape(member, users.get(member.user)) for member in members]
        return await self._shape(record, request, shapes, await self._teams.many(teams, request))
