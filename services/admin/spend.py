"""`/spend/logs`: the ledger's entries, in pages, as sums by day, or as a file that streams."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.requests import Answer, Request
from services.admin.domain.spend_shapes import log_shape, summary, summary_of_rows
from services.admin.domain.spend_window import Window, cursor_of, read_cursor, read_window
from services.admin.domain.times import days_between
from services.admin.spend_access import NAMES, SpendAccess
from shared.errors import InvalidRequest, NotFound
from shared.pricing.money import to_nano
from shared.store.connection import Document
from shared.store.ledger import Ledger
from shared.store.listing import AT_ONCE, mark_of
from shared.store.pages import Mark, Wanted, owner_of

USUAL_LOGS, MOST_LOGS = 250, 1000
"""Entries in one answer, the newest of the window, unless `page_size` asks for others, and at most."""

MOST_SUMMED = 20_000
"""Entries that a summary reads where rows by day do not have what it needs; a longer window is refused, never cut."""

MOST_LOOKED_AT = 20_000
"""Entries that one page reads through for a filter that no page has; then it ends early, with a cursor."""

NEXT_CURSOR = "x-tollway-next-cursor"
"""The answer's header that says where the next page begins; without it there is none."""

WHERE = frozenset({"start_date", "end_date"})
FILTERS = NAMES | WHERE | {"error_code", "max_spend", "min_spend", "model", "status_filter"}

_LOGS = FieldPolicy(
    known=FILTERS | {"cursor", "page_size", "request_id", "summarize"}, refused={}, kept=frozenset()
)  # fmt: skip

_STATUSES = {"": None, "success": False, "failure": True}


class Filter:
    """What is asked of a document that pages do not know."""

    def __init__(self, fields: Fields) -> None:
        self._model = fields.text("model")
        self._error_code = fields.text("error_code")
        least, most = fields.amount("min_spend"), fields.amount("max_spend")
        self._least = 0 if least is None else to_nano(least)
        self._most = math.inf if most is None else to_nano(most)
        self.is_empty = not self._model and not self._error_code and least is None and most is None

    def includes(self, document: Document) -> bool:
        """Tell whether a document is wanted."""
        models = {document["model_group"], *(attempt["model"] for attempt in document["attempts"])}
        return (
            (not self._model or self._model in models)
            and self._error_code in ("", document["error_code"])
            and self._least <= document["cost"] <= self._most
        )


class SpendRoutes:
    """Shows ledger entries."""

    def __init__(self, ledger: Ledger, access: SpendAccess) -> None:
        self._ledger = ledger
        self._access = access

    async def logs(self, request: Request) -> Answer:
        """List entries, the newest first, or sum them by day when both dates are given and `summarize` is not false."""
        _LOGS.sort_out(request.query)
        fields = Fields(request.query)
        wanted, filter, window = await self.asked(request, fields)
        if request_id := fields.text("request_id"):
            return Answer([log_shape(await self._one(request_id, wanted))])
        if window.dated and fields.query_flag("summarize", default=True):
            return Answer(await self._summary(wanted, filter, window))
        limit = fields.query_count("page_size", default=USUAL_LOGS, most=MOST_LOGS)
        found, more = await self._page(wanted, filter, window, limit, read_cursor(fields))
        headers = ((NEXT_CURSOR, cursor_of(more)),) if more else ()
        return Answer([log_shape(item) for item in found], headers=headers)

    async def asked(self, request: Request, fields: Fields) -> tuple[Wanted, Filter, Window]:
        """Return whose entries, which of them and of which time; raise `InvalidRequest` or `Forbidden`."""
        status = fields.text("status_filter")
        if status not in _STATUSES:
            fields.wrong("status_filter", "must be 'success' or 'failure'")
        wanted = await self._access.wanted(request, fields)
        return replace(wanted, failed=_STATUSES[status]), Filter(fields), read_window(fields, request.now)

    async def _summary(self, wanted: Wanted, filter: Filter, window: Window) -> list[dict[str, Any]]:
        days = days_between(window.since, window.until)
        if window.is_whole_days and filter.is_empty and wanted == Wanted(
            wanted.key, wanted.user, wanted.team, wanted.organization
        ):  # fmt: skip
            rows = self._ledger.reports.callers(wanted, days[0], days[-1])
            return summary_of_rows([row async for row in rows], days)
        return summary([item async for item in self._bounded(wanted, filter, window)], days)

    async def _page(
        self, wanted: Wanted, filter: Filter, window: Window, limit: int, before: Mark | None
    ) -> tuple[list[Document], Mark | None]:
        """Return a page and where the next one begins; None after the last."""
        found: list[Document] = []
        seen = 0
        while True:
            size = max(limit - len(found) + 1, 1 if filter.is_empty else AT_ONCE)
            batch = await self._ledger.listing.newest(
                wanted, since=window.since, until=window.until, limit=size, before=before
            )
            for document in batch:
                if len(found) == limit:
                    return found, before
                before = mark_of(document)
                if filter.includes(document):
                    found.append(document)
            seen += len(batch)
            if len(batch) < size:
                return found, None
            if seen >= MOST_LOOKED_AT:
                return found, before

    async def _bounded(self, wanted: Wanted, filter: Filter, window: Window) -> AsyncIterator[Document]:
        """Yield the window's entries; raise `InvalidRequest` when there are too many."""
        seen = 0
        async for document in self._ledger.listing.walk(wanted, since=window.since, until=window.until):
            seen += 1
            if seen > MOST_SUMMED:
                raise InvalidRequest(
                    f"More than {MOST_SUMMED} requests stand in that time; ask for a shorter one.", param="start_date"
                )
            if filter.includes(document):
                yield document

    async def _one(self, request_id: str, wanted: Wanted) -> Document:
        document = await self._ledger.listing.one(request_id)
        if document is None or not wanted.includes(owner_of(document)):
            raise NotFound(
                f"There is no request '{request_id}' in the ledger; new ones appear within a second.",
                param="request_id",
            )
        return document
