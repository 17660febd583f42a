"""`/{user,team,organization,customer,tag}/daily/activity`: days with everything that they break down by."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from services.admin.domain.activity import Activity
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.requests import Answer, Request
from services.admin.domain.spend_window import Days, read_days
from services.admin.spend_access import SpendAccess
from shared.errors import Forbidden, InvalidRequest
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.pages import Wanted
from shared.store.people import teams
from shared.store.reports import Day
from shared.store.sums import listed, named

USUAL_PAGE, LARGEST_PAGE, LAST_PAGE = 50, 1000, 1_000_000

MOST_ROWS = 100_000
"""Rows that one report reads; a report of more is refused, never cut silently."""

MOST_ENTITIES = 200

_KNOWN = frozenset({"api_key", "end_date", "model", "page", "page_size", "start_date", "timezone"})
_KEPT = frozenset({"include_current_utc_day"})


def _policy(*names: str) -> FieldPolicy:
    return FieldPolicy(known=_KNOWN | set(names), refused={}, kept=_KEPT)


Entity = Callable[[Day], str]


class SpendActivity:
    """Reports by day, each of which has the same shape."""

    def __init__(self, store: Store, ledger: Ledger, access: SpendAccess) -> None:
        self._ledger = ledger
        self._access = access
        self._teams = teams(store)

    async def of_users(self, request: Request) -> Answer:
        """Report the days of everybody, or of one user."""
        fields = _sorted_out(request, _policy("user_id"))
        wanted = await self._access.wanted(request, _named(fields, {"api_key": "api_key", "user_id": "user_id"}))
        days = _days(fields, request)
        return await self._answer(fields, self._ledger.reports.callers(wanted, *days), lambda row: row.user)

    async def of_teams(self, request: Request) -> Answer:
        """Report the days of teams: those that are named, or all that the caller sees."""
        fields = _sorted_out(request, _policy("team_ids", "exclude_team_ids"))
        ids = _ids(fields, "team_ids")
        if request.is_own_only and not ids:
            ids = sorted(request.caller.teams)
        wanted = [await self._of_group(request, fields, "team_id", id) for id in ids]
        if not wanted and not request.is_own_only:
            wanted = [await self._access.wanted(request, _named(fields, {"api_key": "api_key"}))]
        excluded = set(_ids(fields, "exclude_team_ids"))
        rows = self._callers(wanted, _days(fields, request), lambda row: bool(row.team) and row.team not in excluded)
        return await self._answer(fields, rows, lambda row: row.team, self._aliases)

    async def of_organizations(self, request: Request) -> Answer:
        """Report the days of organizations: those that are named, or all that the caller administers."""
        fields = _sorted_out(request, _policy("organization_ids", "exclude_organization_ids"))
        ids = _ids(fields, "organization_ids")
        if request.is_own_only and not ids:
            ids = sorted(request.caller.administered_organizations)
        wanted = [await self._of_group(request, fields, "organization_id", id) for id in ids]
        if not wanted and not request.is_own_only:
            wanted = [await self._access.wanted(request, _named(fields, {"api_key": "api_key"}))]
        excluded = set(_ids(fields, "exclude_organization_ids"))
        rows = self._callers(
            wanted, _days(fields, request), lambda row: bool(row.organization) and row.organization not in excluded
        )
        return await self._answer(fields, rows, lambda row: row.organization)

    async def of_customers(self, request: Request) -> Answer:
        """Report the days of customers."""
        return await self._of_named(request, "customer", "end_user_ids", "exclude_end_user_ids")

    async def of_tags(self, request: Request) -> Answer:
        """Report the days of tags; a request with two tags counts to both."""
        return await self._of_named(request, "tag", "tags", "exclude_tags")

    async def _of_named(self, request: Request, kind: str, param: str, exclude: str) -> Answer:
        if request.is_own_only:
            raise Forbidden("Only who may see everything may ask for this.")
        fields = _sorted_out(request, _policy(param, exclude))
        if fields.text("api_key"):
            fields.wrong("api_key", f"cannot be asked for together with a {kind}")
        ids, excluded = _ids(fields, param), set(_ids(fields, exclude))
        days = _days(fields, request)
        names = [named(kind, id) for id in ids] or [listed(kind)]

        async def rows() -> AsyncIterator[Day]:
            for name in names:
                async for row in self._ledger.reports.days(name, *days):
                    if row.id not in excluded:
                        yield row

        return await self._answer(fields, rows(), lambda row: row.id)

    async def _of_group(self, request: Request, fields: Fields, param: str, id: str) -> Wanted:
        asked = {param: id} | ({"api_key": fields.text("api_key")} if fields.text("api_key") else {})
        return await self._access.wanted(request, Fields(asked))

    async def _callers(self, wanted: list[Wanted], days: Days, shown: Callable[[Day], bool]) -> AsyncIterator[Day]:
        for one in wanted:
            async for row in self._ledger.reports.callers(one, *days):
                if shown(row):
                    yield row

    async def _answer(
        self,
        fields: Fields,
        rows: AsyncIterator[Day],
        entity: Entity,
        facts: "Callable[[set[str]], Any] | None" = None,
    ) -> Answer:
        page = fields.query_count("page", default=1, most=LAST_PAGE)
        size = fields.query_count("page_size", default=USUAL_PAGE, most=LARGEST_PAGE)
        activity, entities, seen = Activity(fields.text("model")), set(), 0
        async for row in rows:
            seen += 1
            if seen > MOST_ROWS:
                raise InvalidRequest(
                    "The report would be too large; ask for fewer days, or for one of them.", param="start_date"
                )  # fmt: skip
            activity.add(row, entity(row))
            entities.add(entity(row))
        known: Mapping[str, Mapping[str, Any]] = await facts(entities) if facts else {}
        return Answer(activity.page(page, size, known))

    async def _aliases(self, ids: set[str]) -> Mapping[str, Mapping[str, Any]]:
        known = await self._teams.find_many(sorted(ids)[:MOST_ENTITIES])
        return {id: {"team_alias": team.alias or None} for id, team in known.items()}


def _sorted_out(request: Request, policy: FieldPolicy) -> Fields:
    policy.sort_out(request.query)
    return Fields(request.query)


def _days(fields: Fields, request: Request) -> Days:
    return read_days(fields, request.now, needed=True)


def _named(fields: Fields, names: Mapping[str, str]) -> Fields:
    """Return what is given of some parameters, under the names of another route's."""
    return Fields({name: fields.text(given) for given, name in names.items() if fields.text(given)})


def _ids(fields: Fields, name: str) -> list[str]:
    text = fields.text(name, longest=16_384)
    ids = list(dict.fromkeys(id.strip() for id in text.split(",") if id.strip()))
    if len(ids) > MOST_ENTITIES:
        fields.wrong(name, f"must not hold more than {MOST_ENTITIES} ids")
    return ids
