"""The `/organization/member_*` routes."""

import msgspec

from services.admin.domain.declared import refuse_declared
from services.admin.domain.fields import Fields
from services.admin.domain.member_fields import (
    ORGANIZATION_ADD,
    ORGANIZATION_DELETE,
    ORGANIZATION_ROLES,
    ORGANIZATION_UPDATE,
    read_named,
    read_people,
    read_role,
)
from services.admin.domain.member_shapes import deed_shape, organization_membership_shape
from services.admin.domain.requests import Answer, Request
from services.admin.domain.rights import require
from services.admin.domain.route_grants import check_makes
from services.admin.domain.user_shapes import user_shape
from services.admin.joining import ADMIN_OF, Joining
from services.admin.people import People
from services.admin.recording import Deed, Recorder
from services.admin.taking import Taken, Taking
from shared.errors import NotFound
from shared.store.connection import Session
from shared.store.people import MembershipRecord, UserRecord

Joined = tuple[list[UserRecord], list[MembershipRecord]]


class OrganizationMemberRoutes:
    """Adds, changes and removes members of organizations."""

    def __init__(self, people: People, joining: Joining, taking: Taking, recorder: Recorder) -> None:
        self._people = people
        self._joining = joining
        self._taking = taking
        self._recorder = recorder

    async def add(self, request: Request) -> Answer:
        """Add one member or several, all of them or none."""
        ORGANIZATION_ADD.sort_out(request.body)
        fields = Fields(request.body)
        id, people = fields.needed_text("organization_id"), read_people(fields, "member", ORGANIZATION_ROLES)

        async def work(session: Session) -> tuple[Joined, list[Deed]]:
            await self._check(id, request, session)
            users, members, deeds = [], [], list[Deed]()
            for person in people:
                user, member, made = await self._joining.join("organization", id, person, request, session)
                users.append(user)
                members.append(member)
                deeds += [*made, Deed("member", member.id, "organization.member_added", after=deed_shape(member))]
            return (users, members), deeds

        users, members = await self._recorder.carry_out(request, work)
        shapes = [organization_membership_shape(member, user) for member, user in zip(members, users, strict=True)]
        return Answer(
            {
                "organization_id": id,
                "updated_users": [user_shape(user, await self._people.groups(user.id)) for user in users],
                "updated_organization_memberships": shapes,
            }
        )

    async def update(self, request: Request) -> Answer:
        """Change a member's role."""
        ORGANIZATION_UPDATE.sort_out(request.body)
        fields = Fields(request.body)
        id, person = fields.needed_text("organization_id"), read_named(fields)

        async def work(session: Session) -> tuple[MembershipRecord, list[Deed]]:
            await self._check(id, request, session)
            before = await self._people.member("organization", id, person, session)
            refuse_declared(before, "member", "user_id")
            role = read_role(fields, ORGANIZATION_ROLES, before.role)
            after = msgspec.structs.replace(before, role=role, updated_at=request.now)
            if after.role == "admin" != before.role:
                check_makes(request.caller.routes, ADMIN_OF["organization"], "role")
            await self._people.memberships.replace(after, session)
            deed = Deed("member", after.id, "organization.member_updated", deed_shape(before), deed_shape(after))
            return after, [deed]

        member = await self._recorder.carry_out(request, work)
        return Answer(organization_membership_shape(member, await self._people.users.find(member.user)))

    async def delete(self, request: Request) -> Answer:
        """Remove a member; its user, keys and teams stay."""
        ORGANIZATION_DELETE.sort_out(request.body)
        fields = Fields(request.body)
        id, person = fields.needed_text("organization_id"), read_named(fields)

        async def work(session: Session) -> tuple[MembershipRecord, list[Deed]]:
            await self._check(id, request, session)
            member = await self._people.member("organization", id, person, session)
            taken = Taken()
            await self._taking.members({"_id": member.id}, taken, session, param="user_id")
            return member, taken.deeds

        member = await self._recorder.carry_out(request, work)
        return Answer(organization_membership_shape(member, await self._people.users.find(member.user)))

    async def _check(self, id: str, request: Request, session: Session) -> None:
        require(
            request.caller.administers_organization(id),
            f"You may not change the members of the organization '{id}'.",
            param="organization_id",
        )
        if await self._people.organizations.find(id, session) is None:
            raise NotFound(f"There is no organization '{id}'.", param="organization_id")
