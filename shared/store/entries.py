"""What a completion is in the ledger: its document, what it adds to rollups, where it is listed. Pure."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from shared.schemas.events import Attempt, Completion
from shared.store.connection import Document

SCOPES: dict[str, str] = {"all": "", "key": "key"}
"""What is summed and listed: a scope's name and the field of the completion with its id. `all` has one id, empty."""

AMOUNTS = ("spend", "requests", "failed", "unpriced", "prompt_tokens", "completion_tokens")
"""The figures of a rollup; spend is nano-dollars."""

Change = tuple[str, str, str]
"""A rollup: scope, id, and day (UTC)."""

Amounts = dict[str, int]


def document(completion: Completion) -> Document:
    """Return the ledger document, without what is at its default: it is written 2,400 times a second."""
    fields: Document = msgspec.to_builtins(completion)
    fields["_id"] = fields.pop("request_id")
    fields["cost"] = completion.cost
    fields["prompt_tokens"] = sum(attempt.usage.prompt_tokens for attempt in completion.attempts)
    fields["completion_tokens"] = sum(attempt.usage.completion_tokens for attempt in completion.attempts)
    return fields


def completion_of(stored: Mapping[str, Any]) -> Completion:
    """Return the completion that a document holds."""
    return msgspec.convert({**stored, "request_id": stored["_id"]}, Completion)


def shown(stored: Mapping[str, Any]) -> Document:
    """Return a document with every field, as readers get it."""
    completion = completion_of(stored)
    attempts = completion.attempts
    last = attempts[-1] if attempts else None
    usages = [attempt.usage for attempt in attempts]
    fields: Document = msgspec.structs.asdict(completion)
    return {
        "_id": fields.pop("request_id"),
        **fields,
        "tags": list(completion.tags),
        "guardrails": list(completion.guardrails),
        "attempts": [
            {**msgspec.structs.asdict(attempt), "usage": msgspec.structs.asdict(attempt.usage)} for attempt in attempts
        ],
        "model": last.model if last else "",
        "provider": last.provider if last else "",
        "cost": completion.cost,
        "unpriced": unpriced(completion),
        "prompt_tokens": sum(usage.prompt_tokens for usage in usages),
        "completion_tokens": sum(usage.completion_tokens for usage in usages),
        "cache_read_tokens": sum(usage.cache_read for usage in usages),
        "cache_write_tokens": sum(usage.cache_write_5m + usage.cache_write_1h for usage in usages),
    }


def unpriced(completion: Completion) -> bool:
    """Tell whether something that was used has no known price."""
    return any(attempt.unpriced for attempt in completion.attempts)


def merged(known: Completion, news: Completion) -> Completion:
    """Return one completion for two events of one request, whatever their order.

    What is known about the request as a whole gives way only if it was an estimate. Attempts are united by
    their ids: a repeated one counts once, a second paid one counts too, and an attempt that was given up for
    lost gives way to what really became of it.
    """
    better = known.estimated and not news.estimated
    attempts = {attempt.id: attempt for attempt in known.attempts}
    for attempt in news.attempts:
        before = attempts.get(attempt.id)
        if before is None or better or (before.outcome == "lost" and attempt.outcome != "lost"):
            attempts[attempt.id] = attempt
    united = tuple(sorted(attempts.values(), key=_by_start))
    return msgspec.structs.replace(news if better else known, attempts=united)


def _by_start(attempt: Attempt) -> tuple[float, str]:
    return attempt.started, attempt.id


def once_each(completions: Iterable[Completion]) -> dict[str, Completion]:
    """Return the completions by request id, several events of one request united."""
    found: dict[str, Completion] = {}
    for completion in completions:
        known = found.get(completion.request_id)
        found[completion.request_id] = merged(known, completion) if known else completion
    return found


class Tally:
    """What a batch of completions changes in the rollups."""

    def __init__(self) -> None:
        self._changes: defaultdict[Change, Amounts] = defaultdict(lambda: dict.fromkeys(AMOUNTS, 0))
        self._days: dict[int, str] = {}

    def add(self, completion: Completion, stored: Document, sign: int = 1) -> None:
        """Count a completion, or take it away; `stored` is its document."""
        day = self._day(completion.ended)
        failed = completion.status >= 400
        for scope, field in SCOPES.items():
            change = self._changes[scope, getattr(completion, field) if field else "", day]
            change["spend"] += sign * stored["cost"]
            change["requests"] += sign
            change["prompt_tokens"] += sign * stored["prompt_tokens"]
            change["completion_tokens"] += sign * stored["completion_tokens"]
            if failed:
                change["failed"] += sign
            if unpriced(completion):
                change["unpriced"] += sign

    def moved(self) -> Iterator[tuple[Change, Amounts]]:
        """Yield the rollups that change, with the amounts that are not 0."""
        for change, amounts in self._changes.items():
            moved = {name: amount for name, amount in amounts.items() if amount}
            if moved:
                yield change, moved

    def _day(self, moment: float) -> str:
        number = int(moment // 86_400)
        if number not in self._days:
            self._days[number] = time.strftime("%Y-%m-%d", time.gmtime(number * 86_400))
        return self._days[number]


def minute(moment: float) -> int:
    """Return the minute since 1970 under which a request that ended then is listed."""
    return int(moment // 60)


def pages(completions: Iterable[Completion]) -> list[Document]:
    """Return the lists by which documents are found: one per scope, id and minute, of the ids of this batch.

    A secondary index on the ledger costs the embedded store 65 µs for each document, a list 1 µs for each id.
    """
    found: dict[tuple[str, str, int], Document] = {}
    for completion in completions:
        at = minute(completion.ended)
        for scope, field in SCOPES.items():
            place = (scope, getattr(completion, field) if field else "", at)
            page = found.get(place)
            if page is None:
                page = found[place] = {"scope": place[0], "id": place[1], "minute": at, "ended": [], "requests": []}
            page["ended"].append(completion.ended)
            page["requests"].append(completion.request_id)
    return list(found.values())
