"""The `/user` routes that tell about users."""

import asyncio
from collections.abc import Sequence
from typing import Any

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.pages import PAGE_FIELDS, Page, listed, read_page
from services.admin.domain.requests import Answer, Request
from services.admin.domain.rights import Caller, require
from services.admin.domain.user_fields import ROLES
from services.admin.domain.user_search import UserSearch, in_order
from services.admin.domain.user_shapes import user_shape
from services.admin.key_shapes import KeyShapes
from services.admin.people import People
from services.admin.spending import Spending
from services.admin.team_shapes import TeamShapes
from shared.errors import InvalidRequest, NotFound
from shared.schemas.scopes import Scope
from shared.store.by_ids import questions
from shared.store.cards import Entry
from shared.store.keys import KeyFilter, KeyRecord, Keys
from shared.store.objects import Query, containing, either, every, one_of
from shared.store.people import MembershipRecord, UserRecord

MOST_KEYS = 100
"""Keys that an answer about a user shows, the newest; `/key/list` has all of them."""

PAGE_SIZE = 25
"""As in LiteLLM."""

_ONE = FieldPolicy(frozenset({"user_id"}), {}, frozenset())
_LIST = FieldPolicy(
    known=PAGE_FIELDS | {"organization_ids", "role", "search", "sso_user_ids", "team", "user_email", "user_ids"},
    refused={},
    kept=frozenset(),
)
_ORDERS = {
    "created_at": "created_at",
    "user_alias": "alias",
    "user_email": "email",
    "user_id": "_id",
    "user_role": "role",
}


class UserViews:
    """Shows users to those who may see them."""

    def __init__(
        self, people: People, keys: Keys, spending: Spending, teams: TeamShapes, key_shapes: KeyShapes
    ) -> None:
        self._people = people
        self._keys = keys
        self._spending = spending
        self._teams = teams
        self._key_shapes = key_shapes

    async def info(self, request: Request) -> Answer:
        """Tell about a user, with its keys and teams; without an id about the caller's own."""
        user, groups = await self._found(request)
        keys: Sequence[KeyRecord] = await self._keys.where(KeyFilter(user_id=user.id), limit=MOST_KEYS)
        teams = await self._teams.of_groups(groups, request)
        if not _sees_whole(request.caller, user):
            teams = [team for team in teams if request.caller.administers_organization(team["organization_id"] or "")]
            shown = {team["team_id"] for team in teams}
            keys = [key for key in keys if key.team_id in shown]
            groups = [item for item in groups if _administers(request.caller, item) or item.group in shown]
        shape, shown_keys = await asyncio.gather(
            self._shape(user, groups, request), self._key_shapes.many(keys, request)
        )
        return Answer({"user_id": user.id, "user_info": shape, "keys": shown_keys, "teams": teams})

    async def info_v2(self, request: Request) -> Answer:
        """Tell about a user alone."""
        user, groups = await self._found(request)
        if not _sees_whole(request.caller, user):
            groups = [item for item in groups if _administers(request.caller, item)]
        return Answer(await self._shape(user, groups, request))

    async def list(self, request: Request) -> Answer:
        """List users in pages; an organization's administrator sees those of its organizations."""
        _LIST.sort_out(request.query)
        fields = Fields(request.query)
        page = read_page(fields, size=PAGE_SIZE, orders=_ORDERS)
        query = _query(fields)
        members = await self._members(fields, request)
        if members is not None:
            users, total = await self._page_of(members, query, page)
        elif fields.text("user_ids") or fields.text("sso_user_ids") or (not query and page.order == "created_at"):
            users, total = await self._page(query, page)
        else:
            users, total = await self._page_by_cards(_search(fields), page)
        ids = [user.id for user in users]
        groups, keys = await asyncio.gather(self._people.groups_of(ids), self._keys.counts("user_id", ids))
        shapes = await asyncio.gather(*(self._shape(user, groups[user.id], request) for user in users))
        for shape in shapes:
            shape["key_count"] = keys[shape["user_id"]]
        return Answer({"users": shapes, **page.shape(total)})

    async def _page(self, query: Query, page: Page) -> tuple[Sequence[UserRecord], int]:
        users = await self._people.users.page(query, skip=page.skip, limit=page.size, order=page.order, down=page.down)
        if not page.skip and len(users) < page.size:
            return users, len(users)
        return users, await self._people.users.count(query)

    async def _page_by_cards(self, search: UserSearch, page: Page) -> tuple[Sequence[UserRecord], int]:
        """Return a page of all users in another order, or of those that are searched for."""
        found: list[Entry] = []
        async for entries in self._people.user_cards.read():
            found += search.finds(entries)
        ids = await asyncio.to_thread(in_order, found, page.order, down=page.down)
        users = await self._people.users.find_many(ids[page.skip : page.skip + page.size])
        return list(users.values()), len(ids)

    async def _page_of(self, members: Sequence[str], query: Query, page: Page) -> tuple[Sequence[UserRecord], int]:
        """Return a page of those users of a group whom a query matches; a group is small enough to be read."""
        found: list[UserRecord] = []
        for ids in questions(members):
            found += await self._people.users.where(every({"_id": one_of(ids)}, query), limit=len(ids))
        field = {"_id": "id"}.get(page.order, page.order)
        found.sort(key=lambda user: getattr(user, field), reverse=page.down)
        return found[page.skip : page.skip + page.size], len(found)

    async def _members(self, fields: Fields, request: Request) -> Sequence[str] | None:
        """Return the users of the groups that are asked for, or None for everybody."""
        caller = request.caller
        organizations, team = set(listed(fields, "organization_ids")), fields.text("team")
        if not caller.sees_all:
            own = caller.administered_organizations
            require(bool(own) and organizations <= own, "You may list users of your organizations.")
            organizations = organizations or set(own)
        found: set[str] | None = None
        if organizations:
            found = set().union(*[await self._users_of("organization", id) for id in sorted(organizations)])
        if team:
            of_team = await self._users_of("team", team)
            found = of_team if found is None else found & of_team
        return None if found is None else sorted(found)

    async def _users_of(self, kind: Any, group: str) -> set[str]:
        return {member.user for member in await self._people.members(kind, group)}

    async def _found(self, request: Request) -> tuple[UserRecord, Sequence[MembershipRecord]]:
        _ONE.sort_out(request.query)
        caller = request.caller
        id = Fields(request.query).text("user_id") or caller.user
        if not id:
            raise InvalidRequest("'user_id' is missing; this key belongs to no user.", param="user_id")
        groups = await self._people.groups(id)
        own = any(_administers(caller, item) for item in groups)
        require(caller.sees_all or caller.is_user(id) or own, f"You may not see the user '{id}'.", param="user_id")
        user = await self._people.users.find(id)
        if user is None:
            raise NotFound(f"There is no user '{id}'.", param="user_id")
        return user, groups

    async def _shape(self, user: UserRecord, groups: Sequence[MembershipRecord], request: Request) -> dict[str, Any]:
        spent = await self._spending.of(Scope("user", user.id), user, request.now)
        return {**user_shape(user, groups, reset_at=spent.reset_at), **spent.shape}


def _sees_whole(caller: Caller, user: UserRecord) -> bool:
    """Tell whether all about a user is for this caller, or only what belongs to its organizations."""
    return caller.sees_all or caller.is_user(user.id) or caller.administers_organization(user.organization_id)


def _administers(caller: Caller, group: MembershipRecord) -> bool:
    return group.kind == "organization" and group.group in caller.administered_organizations


def _search(fields: Fields) -> UserSearch:
    return UserSearch(fields.text("role"), fields.text("user_email"), fields.text("search"))


def _query(fields: Fields) -> Query:
    """Return what the users' own fields must be; values are text, compared as they are."""
    parts: list[Query] = []
    role = fields.text("role")
    if role:
        if role not in ROLES:
            fields.wrong("role", f"must be one of {', '.join(ROLES)}")
        parts.append({"role": role})
    if ids := listed(fields, "user_ids"):
        parts.append({"_id": one_of(ids)})
    if subjects := listed(fields, "sso_user_ids"):
        parts.append({"sso_id": one_of(subjects)})
    if email := fields.text("user_email"):
        parts.append({"email": containing(email)})
    if search := fields.text("search"):
        parts.append(either({"_id": containing(search)}, {"email": containing(search)}))
    return every(*parts)
