"""Puts together what answers say about teams: the record, its members, and what was spent."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from services.admin.domain.member_shapes import member_shape, team_membership_shape
from services.admin.domain.requests import Request
from services.admin.domain.team_shapes import team_shape
from services.admin.people import MOST_MEMBERS, People
from services.admin.spending import Spending
from shared.schemas.limits import merged
from shared.schemas.scopes import Scope, member_id
from shared.store.by_ids import questions
from shared.store.objects import every, one_of
from shared.store.people import MembershipRecord, TeamRecord

AT_ONCE = 25
"""Teams whose spend is asked for at a time."""


class TeamShapes:
    """Shapes of teams as they are in the store at this moment."""

    def __init__(self, people: People, spending: Spending) -> None:
        self._people = people
        self._spending = spending

    async def one(self, team: TeamRecord, request: Request) -> dict[str, Any]:
        """Return a team's shape."""
        return (await self.many([team], request))[0]

    async def many(self, teams: Sequence[TeamRecord], request: Request) -> list[dict[str, Any]]:
        """Return the teams' shapes, in their order."""
        members = await self._members([team.id for team in teams])
        emails = await self._people.users.find_many(sorted({item.user for items in members.values() for item in items}))
        shapes = []
        for start in range(0, len(teams), AT_ONCE):
            some = teams[start : start + AT_ONCE]
            spent = await asyncio.gather(
                *(self._spending.of(Scope("team", team.id), team, request.now) for team in some)
            )
            for team, amount in zip(some, spent, strict=True):
                shown = [member_shape(item, emails.get(item.user)) for item in members[team.id]]
                shapes.append({**team_shape(team, shown, reset_at=amount.reset_at), **amount.shape})
        return shapes

    async def of_groups(self, groups: Iterable[MembershipRecord], request: Request) -> list[dict[str, Any]]:
        """Return the shapes of a user's teams, by their names."""
        found = await self._people.teams.find_many([item.group for item in groups if item.kind == "team"])
        return await self.many(sorted(found.values(), key=lambda team: team.alias), request)

    async def memberships(
        self, team: TeamRecord, members: Sequence[MembershipRecord], request: Request
    ) -> list[dict[str, Any]]:
        """Return what members may use within a team and what they have spent there."""
        return list(await asyncio.gather(*(self.membership(team, item, request) for item in members)))

    async def membership(self, team: TeamRecord, member: MembershipRecord, request: Request) -> dict[str, Any]:
        """Return what one member may use within a team and what it has spent there."""
        scope = Scope("member", member_id(team.id, member.user))
        since = member.limits.budget_since or team.member_limits.budget_since
        limits = msgspec.structs.replace(merged(member.limits, team.member_limits), budget_since=since)
        held = msgspec.structs.replace(member, limits=limits)
        spent = await self._spending.of(scope, held, request.now)
        return team_membership_shape(member, spent.shape)

    async def _members(self, teams: Sequence[str]) -> dict[str, list[MembershipRecord]]:
        """Return the members of teams, whoever came first before the others."""
        found: defaultdict[str, list[MembershipRecord]] = defaultdict(list)
        for some in questions(teams):
            query = every({"kind": "team", "group": one_of(some)})
            for item in await self._people.memberships.where(query, limit=len(teams) * MOST_MEMBERS, down=False):
                found[item.group].append(item)
        return found
