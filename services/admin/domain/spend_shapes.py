"""Ledger documents as LiteLLM's `/spend/logs` shows them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from services.admin.domain.times import shown
from shared.pricing.money import to_dollars
from shared.store.reports import Day

_CALL_TYPES = {"chat_completions": "acompletion", "messages": "anthropic_messages"}
"""LiteLLM's names of calls by route; every other route is a pass-through."""


def log_shape(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return LiteLLM's `LiteLLM_SpendLogs` for one request. Prompts and answers are never kept, so there are none."""
    failed = document["status"] >= 400
    attempts = document["attempts"]
    last = attempts[-1] if attempts else {}
    prompt, completion = document["prompt_tokens"], document["completion_tokens"]
    return {
        "request_id": document["_id"],
        "call_type": _CALL_TYPES.get(document["route"], "pass_through_endpoint"),
        "api_key": document["key"],
        "spend": to_dollars(document["cost"]),
        "total_tokens": prompt + completion,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "startTime": shown(document["received"]),
        "endTime": shown(document["ended"]),
        "model": last.get("model", ""),
        "model_group": document["model_group"],
        "model_id": last.get("deployment", ""),
        "custom_llm_provider": last.get("provider", ""),
        "api_base": "",
        "user": document["user"],
        "team_id": document["team"] or None,
        "organization_id": document["organization"] or None,
        "end_user": document["end_user"] or None,
        "request_tags": list(document["tags"]),
        "requester_ip_address": document["client"] or None,
        "status": "failure" if failed else "success",
        "cache_hit": "False",
        "cache_key": None,
        "messages": {},
        "response": {},
        "metadata": _metadata(document, attempts),
    }


def _metadata(document: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "user_api_key": document["key"],
        "user_api_key_alias": document["key_alias"] or None,
        "outcome": document["outcome"],
        "status_code": document["status"],
        "error_code": document["error_code"] or None,
        "label": document["label"] or None,
        "requester_metadata": _said(document["metadata"]),
        "stream": document["stream"],
        "guardrails": list(document["guardrails"]),
        "blocked_by": document["blocked_by"] or None,
        "estimated": document["estimated"] or any(attempt["usage"]["estimated"] for attempt in attempts),
        "unpriced": document["unpriced"],
        "attempts": [
            {
                "id": attempt["id"],
                "model_id": attempt["deployment"],
                "provider": attempt["provider"],
                "model": attempt["model"],
                "outcome": attempt["outcome"],
                "status_code": attempt["status"],
                "spend": to_dollars(attempt["cost"]),
                "unpriced": attempt["unpriced"],
                "price_version": attempt["price_version"],
                "usage": attempt["usage"],
            }
            for attempt in attempts
        ],
    }


def _said(metadata: str) -> dict[str, Any]:
    """Return what a caller said about its request; the event was checked for its size, not for being JSON."""
    try:
        said = msgspec.json.decode(metadata) if metadata else {}
    except msgspec.DecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def summary(documents: Iterable[Mapping[str, Any]], days: Iterable[str]) -> list[dict[str, Any]]:
    """Return what was spent on each day, in all, by key, by user and by model, the oldest day first.

    A day without a request is there, with nothing spent.
    """
    found = _no_days(days)
    for document in documents:
        entry = found.get(str(shown(document["ended"]))[:10])
        if entry is None:
            continue
        cost = document["cost"]
        entry["spend"] += cost
        attempts = document["attempts"]
        for name, id in (("users", document["user"]), ("keys", document["key"])):
            entry[name][id] = entry[name].get(id, 0) + cost
        for attempt in attempts:
            model = attempt["model"]
            entry["models"][model] = entry["models"].get(model, 0) + attempt["cost"]
    return [_in_dollars(entry) for entry in found.values()]


def summary_of_rows(rows: Iterable[Day], days: Iterable[str]) -> list[dict[str, Any]]:
    """Return the same from the sums of callers by day, however many requests they had."""
    found = _no_days(days)
    for row in rows:
        entry = found.get(row.day)
        if entry is None:
            continue
        cost = row.totals["spend"]
        entry["spend"] += cost
        for name, id in (("users", row.user), ("keys", row.key)):
            entry[name][id] = entry[name].get(id, 0) + cost
        for line, amounts in row.lines:
            entry["models"][line.model] = entry["models"].get(line.model, 0) + amounts["spend"]
    return [_in_dollars(entry) for entry in found.values()]


def _no_days(days: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {day: {"startTime": day, "spend": 0, "users": {}, "models": {}, "keys": {}} for day in days}


def _in_dollars(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a day with its sums in dollars; LiteLLM has each key's sum beside the others, under the key's id."""
    keys = {id: to_dollars(cost) for id, cost in entry.pop("keys").items() if id}
    sums = {name: {id: to_dollars(cost) for id, cost in entry[name].items()} for name in ("users", "models")}
    return {**keys, **entry, "spend": to_dollars(entry["spend"]), **sums}
