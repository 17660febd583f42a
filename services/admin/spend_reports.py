"""`/spend/{keys,users,teams,tags}` and `/global/spend*`: who spent how much, by the ledger's rows."""

import asyncio
from collections.abc import Callable
from typing import Any

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.report_shapes import LineSums, by_customer, by_key, by_team, by_team_and_key
from services.admin.domain.requests import Answer, Request
from services.admin.domain.spend_window import Days, read_days
from services.admin.spend_access import SpendAccess
from services.admin.spend_rows import rows_of
from shared.errors import Forbidden
from shared.pricing.money import to_dollars
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.pages import Wanted
from shared.store.people import teams, users
from shared.store.reports import Rank
from shared.store.sums import ALL, listed, named

EVER = Days("", "9999-12-31")
MOST_LISTED = 1000
"""Keys, users, teams or tags in one answer: those who spent most."""

USUAL_LIMIT = 10

_DAYS = frozenset({"start_date", "end_date", "timezone"})


def _policy(*names: str) -> FieldPolicy:
    return FieldPolicy(known=_DAYS | set(names), refused={}, kept=frozenset())


class SpendReports:
    """Sums for those who see everything; for others, of what is their own."""

    def __init__(self, store: Store, ledger: Ledger, access: SpendAccess) -> None:
        self._ledger = ledger
        self._access = access
        self._teams = teams(store)
        self._users = users(store)

    async def keys(self, request: Request) -> Answer:
        """List keys by what they spent, ever or in the days asked for."""
        ranks = await self._keys_by_spend(request, _policy("limit"), usual=MOST_LISTED, ever=True)
        return Answer(
            [{"token": rank.id, "key_alias": rank.alias or None, "spend": to_dollars(rank.spend)} for rank in ranks]
        )

    async def global_keys(self, request: Request) -> Answer:
        """List the keys that spent most in the last 30 days, or in the days asked for."""
        ranks = await self._keys_by_spend(request, _policy("limit"), usual=USUAL_LIMIT, ever=False)
        return Answer(
            [
                {
                    "api_key": rank.id,
                    "key_alias": rank.alias or None,
                    "key_name": rank.alias or None,
                    "total_spend": to_dollars(rank.spend),
                }
                for rank in ranks
            ]
        )

    async def users(self, request: Request) -> Answer:
        """List users by what they spent; `user_id` asks for one."""
        fields = _sorted_out(request, _policy("user_id", "limit"))
        days, limit = _days(fields, request, ever=True), _limit(fields, MOST_LISTED)
        wanted = await self._access.wanted(request, _only(fields, "user_id"))
        if request.is_own_only and not wanted.user:
            raise Forbidden("This key has no user.")
        name = wanted.name if wanted.user else listed("caller")
        ranks = await self._ledger.reports.biggest(name, "user", *days, limit=limit)
        if wanted.user and not ranks:
            ranks = [Rank(wanted.user, 0, "")]
        known = await self._users.find_many([rank.id for rank in ranks if rank.id])
        return Answer(
            [
                {
                    "user_id": rank.id,
                    "user_email": known[rank.id].email or None if rank.id in known else None,
                    "user_alias": known[rank.id].alias or None if rank.id in known else None,
                    "spend": to_dollars(rank.spend),
                }
                for rank in ranks
                if rank.id
            ]
        )

    async def teams(self, request: Request) -> Answer:
        """List teams by what they spent; who does not see all gets its own teams."""
        fields = _sorted_out(request, _policy("team_id", "limit"))
        days, limit = _days(fields, request, ever=True), _limit(fields, MOST_LISTED)
        wanted = await self._access.wanted(request, _only(fields, "team_id"))
        if wanted.team:
            spent = sum([day.totals["spend"] async for day in self._ledger.reports.days(_team(wanted.team), *days)])
            ranks = [Rank(wanted.team, spent, "")]
        elif request.is_own_only:
            ranks = [await self._spent(team, days) for team in sorted(request.caller.teams)[:limit]]
        else:
            ranks = await self._ledger.reports.biggest(listed("team"), "id", *days, limit=limit)
        aliases = await self._aliases([rank.id for rank in ranks])
        ranks.sort(key=lambda rank: -rank.spend)
        return Answer(
            [{"team_id": rank.id, "team_alias": aliases[rank.id], "spend": to_dollars(rank.spend)} for rank in ranks]
        )

    async def tags(self, request: Request) -> Answer:
        """List tags with their requests and what those cost."""
        sums = await self._tags(request, _policy("tags"), ever=True)
        return Answer(
            [
                {"individual_request_tag": tag, "log_count": found["requests"], "total_spend": found["spend"]}
                for tag, found in sums
            ]
        )

    async def global_tags(self, request: Request) -> Answer:
        """List tags of the last 30 days, as LiteLLM's page of tags reads them."""
        sums = await self._tags(request, _policy("tags"), ever=False)
        return Answer(
            {
                "spend_per_tag": [
                    {"name": tag, "spend": found["spend"], "log_count": found["requests"]} for tag, found in sums
                ]
            }
        )

    async def tag_names(self, request: Request) -> Answer:
        """List every tag."""
        _sorted_out(request, _policy())
        ranks = await self._ledger.reports.biggest(listed("tag"), "id", *EVER, limit=MOST_LISTED)
        return Answer({"tag_names": sorted(rank.id for rank in ranks)})

    async def total(self, request: Request) -> Answer:
        """Tell what was spent in the last 30 days, or in the days asked for."""
        fields = _sorted_out(request, _policy())
        rows = self._ledger.reports.days(ALL, *_days(fields, request))
        return Answer({"spend": to_dollars(sum([day.totals["spend"] async for day in rows])), "max_budget": None})

    async def by_day(self, request: Request) -> Answer:
        """List days with what was spent, in all or by a key."""
        fields = _sorted_out(request, _policy("api_key", "team_id", "user_id"))
        wanted = await self._access.wanted(request, fields)
        found: dict[str, int] = {}
        async for day in rows_of(self._ledger, wanted, _days(fields, request)):
            found[day.day] = found.get(day.day, 0) + day.totals["spend"]
        return Answer([{"date": day, "spend": to_dollars(spend)} for day, spend in sorted(found.items())])

    async def models(self, request: Request) -> Answer:
        """List the models that cost most."""
        fields = _sorted_out(request, _policy("limit"))
        limit = _limit(fields, USUAL_LIMIT)
        sums = await self._lines(request, fields, lambda line: line.model)
        return Answer(
            [
                {"model": name, "total_spend": to_dollars(item["spend"]), "total_tokens": item["tokens"]}
                for name, item in sums.ranked()[:limit]
                if name
            ]
        )

    async def providers(self, request: Request) -> Answer:
        """List providers with what they cost."""
        fields = _sorted_out(request, _policy())
        sums = await self._lines(request, fields, lambda line: line.provider)
        return Answer(
            [{"provider": name, "spend": to_dollars(item["spend"])} for name, item in sums.ranked() if name]
        )  # fmt: skip

    async def by_team(self, request: Request) -> Answer:
        """List days with what each team spent, and the teams that spent most."""
        fields = _sorted_out(request, _policy())
        found: dict[str, dict[str, int]] = {}
        names: set[str] = set()
        async for day, some in self._ledger.reports.spent_by_day(listed("team"), "id", *_days(fields, request)):
            spent = found.setdefault(day, {})
            for id, spend, _ in some:
                spent[id] = spent.get(id, 0) + spend
                names.add(id)
        # A thousand teams in each of thirty days take longer than an event loop may be held.
        return Answer(await asyncio.to_thread(by_team, found, await self._aliases(sorted(names))))

    async def report(self, request: Request) -> Answer:
        """List days with what each team or customer spent by key and model, or the same by key over all days."""
        fields = _sorted_out(
            request, _policy("api_key", "customer_id", "group_by", "internal_user_id", "organization_id", "team_id")
        )
        days = read_days(fields, request.now, needed=True)
        group = fields.text("group_by") or "team"
        if group not in ("team", "customer", "api_key"):
            fields.wrong("group_by", "must be 'team', 'customer' or 'api_key'")
        asked = {
            "api_key": fields.text("api_key"),
            "organization_id": fields.text("organization_id"),
            "team_id": fields.text("team_id"),
            "user_id": fields.text("internal_user_id"),
        }
        wanted = await self._access.wanted(request, Fields({name: value for name, value in asked.items() if value}))
        customer = fields.text("customer_id")
        if group == "customer" or customer:
            if request.is_own_only or wanted != Wanted():
                fields.wrong("group_by", "cannot be 'customer' together with a key, user or team")
            name = named("customer", customer) if customer else listed("customer")
            return Answer(by_customer([day async for day in self._ledger.reports.days(name, *days)]))
        rows = [day async for day in self._ledger.reports.callers(wanted, *days)]
        if group == "api_key" or wanted.key or wanted.user:
            return Answer(by_key(rows))
        names = await self._aliases(sorted({row.team for row in rows if row.team}))
        return Answer(by_team_and_key(rows, names))

    async def _keys_by_spend(self, request: Request, policy: FieldPolicy, *, usual: int, ever: bool) -> list[Rank]:
        fields = _sorted_out(request, policy)
        wanted = await self._access.wanted(request, Fields({}))
        name = wanted.name if request.is_own_only else listed("caller")
        ranks = await self._ledger.reports.biggest(
            name, "key", *_days(fields, request, ever=ever), limit=_limit(fields, usual)
        )  # fmt: skip
        return [rank for rank in ranks if rank.id]

    async def _tags(self, request: Request, policy: FieldPolicy, *, ever: bool) -> list[tuple[str, dict[str, Any]]]:
        fields = _sorted_out(request, policy)
        days = _days(fields, request, ever=ever)
        asked = [tag for tag in fields.text("tags", longest=4096).split(",") if tag and tag != "all-tags"]
        found: dict[str, dict[str, int]] = {}
        for name in [named("tag", tag) for tag in dict.fromkeys(asked)] or [listed("tag")]:
            async for day in self._ledger.reports.days(name, *days):
                sums = found.setdefault(day.id, {"spend": 0, "requests": 0})
                sums["spend"] += day.totals["spend"]
                sums["requests"] += day.totals["requests"]
        ranked = sorted(found.items(), key=lambda item: (-item[1]["spend"], item[0]))[:MOST_LISTED]
        return [
            (tag, {"spend": to_dollars(sums["spend"]), "requests": sums["requests"]}) for tag, sums in ranked
        ]  # fmt: skip

    async def _lines(self, request: Request, fields: Fields, by: Callable[[Any], str]) -> LineSums:
        wanted = await self._access.wanted(request, Fields({}))
        sums = LineSums()
        async for day in rows_of(self._ledger, wanted, _days(fields, request)):
            for line, amounts in day.lines:
                sums.add(by(line), amounts)
        return sums

    async def _spent(self, team: str, days: Days) -> Rank:
        rows = self._ledger.reports.days(_team(team), *days)
        return Rank(team, sum([day.totals["spend"] async for day in rows]), "")

    async def _aliases(self, ids: list[str]) -> dict[str, str | None]:
        known = await self._teams.find_many(ids)
        return {id: known[id].alias or None if id in known else None for id in ids}


def _team(id: str) -> str:
    return named("team", id)


def _sorted_out(request: Request, policy: FieldPolicy) -> Fields:
    policy.sort_out(request.query)
    return Fields(request.query)


def _only(fields: Fields, name: str) -> Fields:
    value = fields.text(name)
    return Fields({name: value} if value else {})


def _days(fields: Fields, request: Request, *, ever: bool = False) -> Days:
    if ever and "start_date" not in fields and "end_date" not in fields:
        return EVER
    return read_days(fields, request.now)


def _limit(fields: Fields, usual: int) -> int:
    return fields.query_count("limit", default=usual, most=MOST_LISTED)
