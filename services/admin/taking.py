"""What a deletion takes with it: keys and memberships, each with an audit entry and a broadcast of its own."""

from dataclasses import dataclass, field
from typing import Any

from services.admin.domain.declared import refuse_declared
from services.admin.domain.key_shapes import token_shape
from services.admin.domain.member_shapes import deed_shape
from services.admin.domain.team_shapes import team_shape
from services.admin.people import MOST_MEMBERS, People
from services.admin.recording import Deed
from shared.errors import InvalidRequest
from shared.store.connection import Session
from shared.store.keys import KeyFilter, Keys
from shared.store.objects import Query
from shared.store.people import MembershipRecord, TeamRecord

MOST_KEYS = 5_000
"""Keys that go with the objects of one request; they are one transaction."""


@dataclass
class Taken:
    """What went, and what the audit says about it."""

    keys: list[str] = field(default_factory=list)
    members: list[MembershipRecord] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)

    @property
    def shape(self) -> dict[str, Any]:
        """Return what an answer says about it."""
        return {
            "deleted_keys": self.keys,
            "deleted_memberships": [
                {f"{member.kind}_id": member.group, "user_id": member.user} for member in self.members
            ],
        }


class Taking:
    """Deletes what hangs on an object, within the transaction that deletes it."""

    def __init__(self, people: People, keys: Keys) -> None:
        self._people = people
        self._keys = keys

    async def keys(self, only: KeyFilter, taken: Taken, session: Session, *, param: str) -> None:
        """Delete the keys of a filter; raise `InvalidRequest` where they are too many for one transaction."""
        found = await self._keys.all_of(only, limit=MOST_KEYS + 1, session=session)
        if len(found) + len(taken.keys) > MOST_KEYS:
            raise InvalidRequest(f"More than {MOST_KEYS} keys would go with this; delete keys first.", param=param)
        for key in found:
            refuse_declared(key, "key", param)
        if found:
            await self._keys.delete_all_of(only, session)
        taken.keys += [key.hash for key in found]
        taken.deeds += [Deed("key", key.hash, "key.deleted", before=token_shape(key)) for key in found]

    async def members(self, query: Query, taken: Taken, session: Session, *, param: str) -> None:
        """End the memberships that a query names; raise `InvalidRequest` where one stands in the configuration file."""
        found = await self._people.memberships.where(query, limit=MOST_MEMBERS, session=session)
        for member in found:
            refuse_declared(member, f"member '{member.user}' of the {member.kind} '{member.group}'", param)
        await self._people.memberships.delete_where(query, session)
        taken.members += found
        taken.deeds += [
            Deed("member", member.id, f"{member.kind}.member_deleted", before=deed_shape(member)) for member in found
        ]

    async def team(self, team: TeamRecord, taken: Taken, session: Session, *, param: str = "team_ids") -> None:
        """Delete a team with its keys and memberships; `param` is the field that an error names."""
        refuse_declared(team, "team", param)
        await self.keys(KeyFilter(team_id=team.id), taken, session, param=param)
        await self.members({"kind": "team", "group": team.id}, taken, session, param=param)
        await self._people.teams.delete(team.id, session)
        taken.teams.append(team.id)
        taken.deeds.append(Deed("team", team.id, "team.deleted", before=team_shape(team)))
