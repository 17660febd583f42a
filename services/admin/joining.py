"""How somebody becomes a member of a group: a known user, or one who is made because a group names them first."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from services.admin.domain.defaults import with_defaults
from services.admin.domain.member_fields import Person
from services.admin.domain.requests import Request
from services.admin.domain.rights import require
from services.admin.domain.route_grants import check_makes
from services.admin.domain.user_fields import read_new_user
from services.admin.domain.user_shapes import user_shape
from services.admin.people import People
from services.admin.recording import Deed
from shared.routes.policy import Persona
from shared.schemas.limits import Limits
from shared.store.connection import Session
from shared.store.people import GroupKind, MembershipRecord, UserRecord

ADMIN_OF: Mapping[GroupKind, Persona] = {"team": "team_admin", "organization": "organization_admin"}
"""What the administrators of a group are."""


class Joining:
    """Adds members; `defaults` is what `/user/new` gives to users who are given nothing."""

    def __init__(self, people: People, defaults: Mapping[str, Any]) -> None:
        self._people = people
        self._defaults = defaults

    async def join(
        self,
        kind: GroupKind,
        group: str,
        person: Person,
        request: Request,
        session: Session,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        models: tuple[str, ...] = (),
    ) -> tuple[UserRecord, MembershipRecord, list[Deed]]:
        """Return the user, the new membership, and what was done beside making it."""
        if person.role == "admin":
            check_makes(request.caller.routes, ADMIN_OF[kind], "role")
        user = await self._people.named(person, session)
        deeds = []
        if user is None:
            user = await self._make(person, await self._home(kind, group, session), request, session)
            deeds.append(Deed("user", user.id, "user.added", after=user_shape(user)))
        member = await self._people.join(
            kind, group, user.id, session, at=request.now, role=person.role, limits=limits, models=models
        )
        return user, member, deeds

    async def _home(self, kind: GroupKind, group: str, session: Session) -> str:
        """Return the organization in which a group's new user is made; empty for a team that is in none."""
        if kind == "organization":
            return group
        team = await self._people.teams.find(group, session)
        return team.organization_id if team else ""

    async def _make(self, person: Person, home: str, request: Request, session: Session) -> UserRecord:
        """Make the user whom a group names first; an id of one's own choice is for proxy administrators, as in LiteLLM.

        Otherwise somebody could make the user in advance whom an identity provider will name.
        """
        require(
            request.caller.is_admin or not person.user,
            f"There is no user '{person.user}'; name a new one by 'user_email'.",
            param="user_id",
        )
        body = with_defaults({}, {name: value for name, value in self._defaults.items() if name != "teams"})
        wanted = read_new_user(
            {**body, "user_id": person.user, "user_email": person.email},
            id=str(uuid.uuid4()),
            now=request.now,
            by=request.actor_name,
        )
        record = msgspec.structs.replace(wanted.record, organization_id=home)
        await self._people.users.insert(record, session)
        return record
