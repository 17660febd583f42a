"""The `/team` routes that tell about teams."""

from collections.abc import Sequence
from typing import Any

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.pages import PAGE_FIELDS, read_page
from services.admin.domain.requests import Answer, Request
from services.admin.domain.rights import Caller, require
from services.admin.key_shapes import KeyShapes
from services.admin.people import People
from services.admin.team_shapes import TeamShapes
from shared.errors import InvalidRequest, NotFound
from shared.store.keys import KeyFilter, Keys
from shared.store.objects import Query, beginning, containing, either, every, one_of
from shared.store.people import MembershipRecord, TeamRecord, membership_id

MOST_TEAMS = 1000
"""Teams in an answer without pages."""

KEYS_SHOWN, MOST_KEYS = 100, 1000
"""Keys that `/team/info` shows, the newest, unless told otherwise, and at most; `/key/list` has all of them."""

PAGE_SIZE = 10
"""As in LiteLLM."""

NO_ORGANIZATION = "default_organization"
"""LiteLLM's word for teams that are in none."""

_INFO = FieldPolicy(frozenset({"key_limit", "team_id"}), {}, frozenset())
_NOTHING = FieldPolicy(frozenset(), {}, frozenset())
_LIST = FieldPolicy(frozenset({"organization_id", "user_id"}), {}, frozenset())
_PAGES = FieldPolicy(
    known=PAGE_FIELDS
    | {"organization_id", "search", "search_team_id_match", "status", "team_alias", "team_id", "user_id"},
    refused={},
    kept=frozenset(),
)
_ORDERS = {"created_at": "created_at", "team_alias": "alias", "team_id": "_id", "updated_at": "updated_at"}


class TeamViews:
    """Shows teams to those who may see them."""

    def __init__(self, people: People, keys: Keys, teams: TeamShapes, key_shapes: KeyShapes) -> None:
        self._people = people
        self._keys = keys
        self._teams = teams
        self._key_shapes = key_shapes

    async def info(self, request: Request) -> Answer:
        """Tell about a team, its members and keys; who does not administer it sees no keys and budgets of others."""
        _INFO.sort_out(request.query)
        fields = Fields(request.query)
        id = fields.text("team_id") or request.caller.team
        if not id:
            raise InvalidRequest("'team_id' is missing; this key belongs to no team.", param="team_id")
        shown = fields.query_count("key_limit", default=KEYS_SHOWN, most=MOST_KEYS)
        team = await self._found(id, request.caller)
        keys = await self._keys.where(KeyFilter(team_id=id), limit=shown)
        members = await self._people.members("team", id)
        if not _sees_inside(request.caller, team):
            keys = [key for key in keys if _is_own(request.caller, key.hash, key.user_id)]
            members = [member for member in members if request.caller.is_user(member.user)]
        return Answer(
            {
                "team_id": id,
                "team_info": await self._teams.one(team, request),
                "keys": await self._key_shapes.many(keys, request),
                "team_memberships": await self._teams.memberships(team, members, request),
            }
        )

    async def me(self, request: Request) -> Answer:
        """Tell what the caller itself may use within a team, and what it has spent there."""
        _NOTHING.sort_out(request.query)
        id, user = request.path["team_id"], request.caller.user
        if not user:
            raise InvalidRequest("This key belongs to no user, so it is no member.", param="team_id")
        member = await self._people.memberships.find(membership_id("team", id, user))
        team = await self._people.teams.find(id)
        if member is None or team is None:
            raise NotFound(f"You are no member of a team '{id}'.", param="team_id")
        person = await self._people.users.find(user)
        named = {
            "role": member.role,
            "user_email": (person.email or None) if person else None,
            "team_alias": team.alias or None,
        }
        return Answer({**await self._teams.membership(team, member, request), **named})

    async def list(self, request: Request) -> Answer:
        """List teams by name: all of them, or those that the caller belongs to or administers."""
        _LIST.sort_out(request.query)
        fields = Fields(request.query)
        ids = await self._visible(fields.text("user_id"), request.caller)
        query = _of_organization(fields.text("organization_id"))
        if ids is None:
            teams = await self._people.teams.where(query, limit=MOST_TEAMS + 1)
        else:
            found = await self._people.teams.find_many(sorted(ids)[: MOST_TEAMS + 1])
            teams = [team for team in found.values() if query in ({}, {"organization_id": team.organization_id})]
        if len(teams) > MOST_TEAMS:
            raise InvalidRequest(f"There are more than {MOST_TEAMS} teams; /v2/team/list has them in pages.")
        teams.sort(key=lambda team: team.alias)
        shapes = await self._teams.many(teams, request)
        return Answer([{**shape, "team_memberships": [], "keys": []} for shape in shapes])

    async def available(self, request: Request) -> Answer:
        """List the teams that callers may join by themselves; there are none, administrators add members."""
        _NOTHING.sort_out(request.query)
        return Answer([])

    async def list_v2(self, request: Request) -> Answer:
        """List teams in pages."""
        _PAGES.sort_out(request.query)
        fields = Fields(request.query)
        page = read_page(fields, size=PAGE_SIZE, orders=_ORDERS)
        query = _query(fields)
        ids = await self._visible(fields.text("user_id"), request.caller)
        if ids is not None:
            query = every(query, {"_id": one_of(sorted(ids))})
        if fields.text("status"):
            teams: Sequence[TeamRecord] = ()
            total = 0
        else:
            teams = await self._people.teams.page(
                query, skip=page.skip, limit=page.size, order=page.order, down=page.down
            )
            total = await self._people.teams.count(query)
        shapes = await self._teams.many(teams, request)
        counts = await self._keys.counts("team_id", [team.id for team in teams])
        for shape in shapes:
            shape["members_count"] = len(shape["members"])
            shape["keys_count"] = counts[shape["team_id"]]
        return Answer({"teams": shapes, **page.shape(total)})

    async def _found(self, id: str, caller: Caller) -> TeamRecord:
        team = await self._people.teams.find(id)
        require(
            caller.sees_team(id, team.organization_id if team else ""),
            f"You may not see the team '{id}'.",
            param="team_id",
        )
        if team is None:
            raise NotFound(f"There is no team '{id}'.", param="team_id")
        return team

    async def _visible(self, user: str, caller: Caller) -> set[str] | None:
        """Return the ids of the teams to show: a user's, or the caller's own; None for all."""
        if caller.sees_all:
            return await self._teams_of(user) if user else None
        own = set(caller.teams) | ({caller.team} if caller.team else set())
        for id in sorted(caller.administered_organizations):
            own |= {team.id for team in await self._people.teams.where({"organization_id": id}, limit=MOST_TEAMS)}
        if not user or caller.is_user(user):
            return own
        require(bool(own), "You may list your own teams only.", param="user_id")
        return own & await self._teams_of(user)

    async def _teams_of(self, user: str) -> set[str]:
        groups: Sequence[MembershipRecord] = await self._people.groups(user)
        return {item.group for item in groups if item.kind == "team"}


def _sees_inside(caller: Caller, team: TeamRecord) -> bool:
    return caller.sees_all or caller.administers_team(team.id, team.organization_id)


def _is_own(caller: Caller, key: str, user: str) -> bool:
    return key == caller.key or caller.is_user(user)


def _of_organization(id: str) -> dict[str, Any]:
    if not id:
        return {}
    return {"organization_id": "" if id == NO_ORGANIZATION else id}


def _query(fields: Fields) -> Query:
    """Return what the teams' own fields must be; values are text, compared as they are."""
    if fields.text("status") not in ("", "deleted"):
        fields.wrong("status", "must be 'deleted', of which Tollway keeps none but in the audit")
    match = fields.text("search_team_id_match") or "exact"
    if match not in ("exact", "prefix"):
        fields.wrong("search_team_id_match", "must be 'exact' or 'prefix'")
    parts: list[Query] = [_of_organization(fields.text("organization_id"))]
    if id := fields.text("team_id"):
        parts.append({"_id": id})
    if alias := fields.text("team_alias"):
        parts.append({"alias": containing(alias)})
    if search := fields.text("search"):
        by_id = {"_id": beginning(search) if match == "prefix" else search}
        parts.append(either(by_id, {"alias": containing(search)}))
    return every(*parts)
