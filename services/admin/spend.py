"""The `/spend` routes: what the ledger says."""

import math
from collections.abc import AsyncIterator

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.key_ids import stored_candidates
from services.admin.domain.requests import Answer, Request
from services.admin.domain.spend_shapes import log_shape, summary
from services.admin.domain.times import begin_of, days_between, end_of
from shared.errors import Forbidden, InvalidRequest, NotFound
from shared.store.connection import Document
from shared.store.keys import Keys
from shared.store.ledger import Ledger
from shared.store.pages import Wanted

MOST_LOGS = 1000
"""Entries in one answer, the newest of the window."""

MOST_SUMMED = 20_000
"""Entries that a summary or a search by user reads; a longer window is refused, never cut silently."""

BATCH = 500
MOST_DAYS = 366

_LOGS = FieldPolicy(
    known=frozenset({"api_key", "end_date", "request_id", "start_date", "summarize", "user_id"}),
    refused={},
    kept=frozenset(),
)


class SpendRoutes:
    """Shows ledger entries."""

    def __init__(self, ledger: Ledger, keys: Keys, secret: bytes) -> None:
        self._ledger = ledger
        self._keys = keys
        self._secret = secret

    async def logs(self, request: Request) -> Answer:
        """List entries, the newest first, or sum them by day when both dates are given and `summarize` is not false."""
        _LOGS.sort_out(request.query)
        fields = Fields(request.query)
        key, user = await self._key(request, fields), fields.text("user_id")
        if request_id := fields.text("request_id"):
            return Answer([log_shape(await self._one(request_id, key, user))])
        since, until = _window(fields, request.now)
        dated = "start_date" in fields and "end_date" in fields
        if dated and fields.query_flag("summarize", default=True):
            documents = [item async for item in self._walk(key, user, since, until)]
            return Answer(summary(documents, days_between(since, until)))
        return Answer([log_shape(item) for item in await self._newest(key, user, since, until)])

    async def _newest(self, key: str | None, user: str, since: float, until: float) -> list[Document]:
        if not user:
            return await self._ledger.logs(Wanted(key=key or ""), since=since, until=until, limit=MOST_LOGS)
        found: list[Document] = []
        async for document in self._walk(key, user, since, until):
            found.append(document)
            if len(found) == MOST_LOGS:
                break
        return found

    async def _walk(self, key: str | None, user: str, since: float, until: float) -> AsyncIterator[Document]:
        """Yield the window's entries, the newest first; raise `InvalidRequest` when there are too many."""
        seen: set[str] = set()
        while True:
            batch = await self._ledger.logs(Wanted(key=key or ""), since=since, until=until, limit=BATCH)
            fresh = [document for document in batch if document["_id"] not in seen]
            for document in fresh:
                if not user or document["user"] == user:
                    yield document
            if len(batch) < BATCH or not fresh:
                return
            seen.update(document["_id"] for document in fresh)
            if len(seen) >= MOST_SUMMED:
                raise InvalidRequest(
                    f"More than {MOST_SUMMED} requests stand in that time; ask for a shorter one.", param="start_date"
                )
            until = math.nextafter(batch[-1]["ended"], math.inf)

    async def _one(self, request_id: str, key: str | None, user: str) -> Document:
        document = await self._ledger.find(request_id)
        mine = document is not None and (key is None or document["key"] == key)
        if document is None or not mine or (user and document["user"] != user):
            raise NotFound(
                f"There is no request '{request_id}' in the ledger; new ones appear within a second.",
                param="request_id",
            )
        return document

    async def _key(self, request: Request, fields: Fields) -> str | None:
        """Return whose entries to show: the stored hash of a key, or None for everybody's."""
        id, own = fields.text("api_key"), request.principal.key
        candidates = stored_candidates(id, self._secret, "api_key") if id else ()
        if request.is_own_only:
            if candidates and own not in candidates:
                raise Forbidden("This API key may ask for its own spend only.", param="api_key")
            return own
        if not candidates:
            return None
        # The entries of a deleted key remain, so an id that is no key's may still be one of theirs.
        for hash in candidates:
            if await self._keys.find(hash) is not None or await self._ledger.key_spend(hash):
                return hash
        return candidates[0]


def _window(fields: Fields, now: float) -> tuple[float, float]:
    begin, end = fields.text("start_date"), fields.text("end_date")
    since = begin_of(begin, "start_date") if begin else 0.0
    until = end_of(end, "end_date") if end else math.nextafter(now + 60, math.inf)
    if until < since:
        raise InvalidRequest("'end_date' must not be before 'start_date'.", param="end_date")
    if begin and end and until - since > MOST_DAYS * 86_400:
        raise InvalidRequest(f"A window covers at most {MOST_DAYS} days.", param="end_date")
    return since, until
