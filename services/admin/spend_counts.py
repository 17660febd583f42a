"""`/global/activity` and `/global/activity/model`: requests and tokens by day."""

from collections.abc import AsyncIterator

from services.admin.domain.count_shapes import Counts
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.requests import Answer, Request
from services.admin.domain.spend_window import read_days
from services.admin.spend_access import SpendAccess
from services.admin.spend_rows import rows_of
from shared.store.ledger import Ledger
from shared.store.reports import Day

USUAL_MODELS, MOST_MODELS = 10, 1000

_DAYS = FieldPolicy(frozenset({"end_date", "start_date", "timezone"}), {}, frozenset())
_MODELS = FieldPolicy(_DAYS.known | {"limit"}, {}, frozenset())


class SpendCounts:
    """Counts for those who see everything; for others, of what is their own."""

    def __init__(self, ledger: Ledger, access: SpendAccess) -> None:
        self._ledger = ledger
        self._access = access

    async def activity(self, request: Request) -> Answer:
        """Tell the requests and tokens of each day."""
        _DAYS.sort_out(request.query)
        counts = Counts()
        async for row in await self._rows(request):
            counts.add(row.day, row.totals)
        return Answer(counts.shape)

    async def by_model(self, request: Request) -> Answer:
        """Tell the same of each model group, the one with the most requests first."""
        _MODELS.sort_out(request.query)
        limit = Fields(request.query).query_count("limit", default=USUAL_MODELS, most=MOST_MODELS)
        found: dict[str, Counts] = {}
        async for row in await self._rows(request):
            for line, amounts in row.lines:
                if line.group:
                    found.setdefault(line.group, Counts()).add(row.day, amounts)
        ranked = sorted(found.items(), key=lambda item: (-item[1].requests, item[0]))
        return Answer([{"model": name, **counts.shape} for name, counts in ranked[:limit]])

    async def _rows(self, request: Request) -> AsyncIterator[Day]:
        wanted = await self._access.wanted(request, Fields({}))
        return rows_of(self._ledger, wanted, read_days(Fields(request.query), request.now))
