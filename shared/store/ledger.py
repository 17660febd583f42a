"""The ledger: one document per request, and rollups that change with it or not at all."""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import OperationFailure

from shared.schemas.events import Completion
from shared.store.connection import Document, Store, StoreUnavailable, translated

TRIES = 8
"""Times that a transaction is begun anew after a conflict with another writer."""


class Ledger:
    """Writes completions exactly once per request id, through any redelivery."""

    def __init__(self, store: Store) -> None:
        self._client = store.client
        self._ledger = store.database.ledger
        self._rollups = store.database.rollups

    async def write(self, completions: Sequence[Completion]) -> int:
        """Write what is not there yet, with its rollups, in one transaction; return how many were new.

        A document marked `estimated` is replaced by the real one, and the rollups move by the difference.
        """
        documents = {item.request_id: _document(item) for item in completions}
        with translated():
            for _ in range(TRIES):
                async with await self._client.start_session() as session:
                    try:
                        async with session.start_transaction():
                            return await self._write(documents, session)
                    except OperationFailure as error:
                        if not error.has_error_label("TransientTransactionError"):
                            raise
        raise StoreUnavailable("the ledger is written by too many at once", retry_after=1)

    async def _write(self, documents: dict[str, Document], session: Any) -> int:
        found = await self._ledger.find({"_id": {"$in": list(documents)}}, session=session).to_list(length=None)
        known = {item["_id"]: item for item in found}
        writes: list[Any] = []
        changes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for id, document in documents.items():
            before = known.get(id)
            if before is None:
                writes.append(InsertOne(document))
            elif before["estimated"] and not document["estimated"]:
                writes.append(ReplaceOne({"_id": id}, document))
                _count(changes, before, -1)
            else:
                continue
            _count(changes, document, 1)
        if writes:
            await self._ledger.bulk_write(writes, session=session)
            await self._rollups.bulk_write(
                [UpdateOne({"_id": id}, _increment(id, values), upsert=True) for id, values in changes.items()],
                session=session,
            )
        return len(writes)

    async def key_spend(self, key: str) -> int:
        """Return what a key spent, in nano-dollars."""
        with translated():
            days = await self._rollups.find({"scope": "key", "id": key}, {"spend": 1}).to_list(length=None)
        return sum(int(day["spend"]) for day in days)

    async def logs(self, *, key: str | None, since: float, until: float, limit: int) -> list[Document]:
        """Return documents whose request ended in the window, the newest first."""
        query: Document = {"ended": {"$gte": since, "$lt": until}}
        if key is not None:
            query["key"] = key
        with translated():
            return list(await self._ledger.find(query).sort("ended", -1).limit(limit).to_list(length=limit))

    async def find(self, request_id: str) -> Document | None:
        """Return one request's document."""
        with translated():
            document: Document | None = await self._ledger.find_one({"_id": request_id})
        return document


def _document(completion: Completion) -> Document:
    document = msgspec.to_builtins(completion)
    del document["request_id"]
    totals = {
        name: sum(getattr(attempt.usage, name) for attempt in completion.attempts)
        for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
    }
    prompt = totals["input"] + totals["cache_read"] + totals["cache_write_5m"] + totals["cache_write_1h"]
    return {
        "_id": completion.request_id,
        "key": "",
        "estimated": False,
        **document,
        "cost": completion.cost,
        "prompt_tokens": prompt,
        "completion_tokens": totals["output"] + totals["reasoning"],
        "unpriced": any(attempt.unpriced for attempt in completion.attempts),
    }


def _count(changes: dict[str, dict[str, int]], document: Document, sign: int) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime(document["ended"]))
    entry = changes[f"key:{document['key']}:{day}"]
    entry["spend"] += sign * document["cost"]
    entry["requests"] += sign
    entry["prompt_tokens"] += sign * document["prompt_tokens"]
    entry["completion_tokens"] += sign * document["completion_tokens"]


def _increment(id: str, values: dict[str, int]) -> Document:
    scope, key, day = id.split(":")
    return {"$inc": dict(values), "$setOnInsert": {"scope": scope, "id": key, "day": day}}
