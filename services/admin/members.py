"""The `/team/member_*` routes."""

import msgspec

from services.admin.domain.declared import refuse_declared
from services.admin.domain.fields import Fields
from services.admin.domain.grants import check_limits, check_models
from services.admin.domain.member_fields import (
    TEAM_ADD,
    TEAM_DELETE,
    TEAM_ROLES,
    TEAM_UPDATE,
    read_member_limits,
    read_named,
    read_people,
    read_role,
)
from services.admin.domain.member_shapes import deed_shape, team_member_limits_shape
from services.admin.domain.requests import Answer, Request
from services.admin.domain.rights import require
from services.admin.domain.route_grants import check_makes
from services.admin.domain.user_shapes import user_shape
from services.admin.joining import ADMIN_OF, Joining
from services.admin.people import People
from services.admin.recording import Deed, Recorder
from services.admin.taking import Taken, Taking
from services.admin.team_shapes import TeamShapes
from shared.errors import NotFound
from shared.schemas.limits import Limits
from shared.store.connection import Session
from shared.store.keys import KeyFilter
from shared.store.people import MembershipRecord, TeamRecord, UserRecord

Joined = tuple[TeamRecord, list[UserRecord], list[MembershipRecord]]


class MemberRoutes:
    """Adds, changes and removes members of teams."""

    def __init__(
        self, people: People, joining: Joining, taking: Taking, shapes: TeamShapes, recorder: Recorder
    ) -> None:
        self._people = people
        self._joining = joining
        self._taking = taking
        self._shapes = shapes
        self._recorder = recorder

    async def add(self, request: Request) -> Answer:
        """Add one member or several, all of them or none."""
        TEAM_ADD.sort_out(request.body)
        fields = Fields(request.body)
        id, people = fields.needed_text("team_id"), read_people(fields, "member", TEAM_ROLES)
        limits = read_member_limits(fields, Limits(), request.now, "max_budget_in_team")
        models = fields.texts("allowed_models")

        async def work(session: Session) -> tuple[Joined, list[Deed]]:
            team = await self._team(id, request, session)
            _check_grant(request, team, limits, models)
            users, members, deeds = [], [], list[Deed]()
            for person in people:
                user, member, made = await self._joining.join(
                    "team", id, person, request, session, limits=limits, models=models
                )
                users.append(user)
                members.append(member)
                deeds += [*made, Deed("member", member.id, "team.member_added", after=deed_shape(member))]
            return (team, users, members), deeds

        team, users, members = await self._recorder.carry_out(request, work)
        return Answer(
            {
                **await self._shapes.one(team, request),
                "updated_users": [user_shape(user, await self._people.groups(user.id)) for user in users],
                "updated_team_memberships": await self._shapes.memberships(team, members, request),
            }
        )

    async def delete(self, request: Request) -> Answer:
        """Remove a member, with its keys within the team."""
        TEAM_DELETE.sort_out(request.body)
        fields = Fields(request.body)
        id, person = fields.needed_text("team_id"), read_named(fields)

        async def work(session: Session) -> tuple[tuple[TeamRecord, Taken], list[Deed]]:
            team = await self._team(id, request, session)
            member = await self._people.member("team", id, person, session)
            taken = Taken()
            await self._taking.keys(KeyFilter(team_id=id, user_id=member.user), taken, session, param="user_id")
            await self._taking.members({"_id": member.id}, taken, session, param="user_id")
            return (team, taken), taken.deeds

        team, taken = await self._recorder.carry_out(request, work)
        return Answer({**await self._shapes.one(team, request), **taken.shape})

    async def update(self, request: Request) -> Answer:
        """Change a member's role, and what it may use within the team."""
        TEAM_UPDATE.sort_out(request.body)
        fields = Fields(request.body)
        id, person = fields.needed_text("team_id"), read_named(fields)

        async def work(session: Session) -> tuple[MembershipRecord, list[Deed]]:
            team = await self._team(id, request, session)
            before = await self._people.member("team", id, person, session)
            refuse_declared(before, "member", "user_id")
            after = msgspec.structs.replace(
                before,
                role=read_role(fields, TEAM_ROLES, before.role),
                limits=read_member_limits(fields, before.limits, request.now, "max_budget_in_team"),
                models=fields.updated("allowed_models", fields.texts, before.models),
                updated_at=request.now,
            )
            if after.role == "admin" != before.role:
                check_makes(request.caller.routes, ADMIN_OF["team"], "role")
            _check_grant(request, team, after.limits, after.models)
            await self._people.memberships.replace(after, session)
            return after, [Deed("member", after.id, "team.member_updated", deed_shape(before), deed_shape(after))]

        member = await self._recorder.carry_out(request, work)
        user = await self._people.users.find(member.user)
        named = {"team_id": id, "user_id": member.user, "user_email": (user.email or None) if user else None}
        return Answer({**named, "role": member.role, **team_member_limits_shape(member)})

    async def _team(self, id: str, request: Request, session: Session) -> TeamRecord:
        team = await self._people.teams.find(id, session)
        require(
            request.caller.administers_team(id, team.organization_id if team else ""),
            f"You may not change the members of the team '{id}'.",
            param="team_id",
        )
        if team is None:
            raise NotFound(f"There is no team '{id}'.", param="team_id")
        return team


def _check_grant(request: Request, team: TeamRecord, limits: Limits, models: tuple[str, ...]) -> None:
    """Raise `Forbidden` where who administers nothing but the team gives what the team does not have."""
    if request.caller.administers_organization(team.organization_id):
        return
    check_limits(limits, team.limits, "team")
    check_models(models, team.models, "team")
