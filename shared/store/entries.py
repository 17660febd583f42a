"""What a completion is in the ledger: its document, and how two events of one request are united. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion
from shared.store.connection import Document


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


_NOTHING: Document = {}


def _defaults(record: type[msgspec.Struct]) -> Document:
    fields = msgspec.structs.fields(record)
    return {field.name: field.default for field in fields if field.default is not msgspec.NODEFAULT}


_COMPLETION, _ATTEMPT, _USAGE = _defaults(Completion), _defaults(Attempt), _defaults(Usage)


def shown(stored: Mapping[str, Any]) -> Document:
    """Return a document with every field, as readers get it: they read a thousand at a time, so nothing is checked."""
    attempts = [
        {**_ATTEMPT, **attempt, "usage": {**_USAGE, **attempt.get("usage", _NOTHING)}}
        for attempt in stored.get("attempts", ())
    ]
    last = attempts[-1] if attempts else _NOTHING
    usages = [attempt["usage"] for attempt in attempts]
    return {
        **_COMPLETION,
        **stored,
        "tags": list(stored.get("tags", ())),
        "guardrails": list(stored.get("guardrails", ())),
        "attempts": attempts,
        "model": last.get("model", ""),
        "provider": last.get("provider", ""),
        "unpriced": any(attempt["unpriced"] for attempt in attempts),
        "cache_read_tokens": sum(usage["cache_read"] for usage in usages),
        "cache_write_tokens": sum(usage["cache_write_5m"] + usage["cache_write_1h"] for usage in usages),
    }


def merged(known: Completion, news: Completion) -> Completion:
    """Return one completion for two events of one request, whatever their order.

    What is known about the request as a whole gives way only if it was an estimate. Attempts are united by
    their ids: a repeated one counts once, a second paid one counts too, and an attempt that was given up for
    lost gives way to what really became of it. How the request ended is a guardrail's to say, where one stopped it.
    """
    better = known.is_verdict or (known.estimated and not (news.estimated or news.is_verdict))
    attempts = {attempt.id: attempt for attempt in known.attempts}
    for attempt in news.attempts:
        before = attempts.get(attempt.id)
        if before is None or better or (before.outcome == "lost" and attempt.outcome != "lost"):
            attempts[attempt.id] = attempt
    united = tuple(sorted(attempts.values(), key=_by_start))
    whole = msgspec.structs.replace(news if better else known, attempts=united)
    verdict = known if known.blocked_by else news
    return _stopped(whole, verdict) if verdict.blocked_by else whole


def _stopped(completion: Completion, verdict: Completion) -> Completion:
    return msgspec.structs.replace(
        completion,
        outcome=verdict.outcome,
        status=verdict.status,
        error_code=verdict.error_code,
        blocked_by=verdict.blocked_by,
    )


def _by_start(attempt: Attempt) -> tuple[float, str]:
    return attempt.started, attempt.id


def once_each(completions: Iterable[Completion]) -> dict[str, Completion]:
    """Return the completions by request id, several events of one request united."""
    found: dict[str, Completion] = {}
    for completion in completions:
        known = found.get(completion.request_id)
        found[completion.request_id] = merged(known, completion) if known else completion
    return found
