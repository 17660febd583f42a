"""What becomes of an object that LiteLLM has, by what stands here and what was brought before. Pure."""

import hashlib
import hmac
from typing import Any, Literal

import msgspec

from shared.schemas.events import Attempt, Completion
from shared.schemas.scopes import SEPARATOR
from shared.store.imports import ImportRecord
from tollway.litellm.found import Found, Record, Spent

Action = Literal["create", "replace", "keep"]

MOST_IN_ATTEMPT = 10**15
"""Nano-dollars; the ledger takes no larger amount for one attempt."""

HERE = "It is here already, and was not imported; --overwrite replaces it."
CHANGED = "It was changed here since it was imported; --overwrite replaces it."
DELETED = "It was deleted here since it was imported; --overwrite brings it again."
DECLARED = "The configuration file declares it."

_NOT_COMPARED = ("shelf", "api_key_sealed", "sealed")
"""What the store decides, and what another sealing changes."""


def import_id(found: Found) -> str:
    """Return under which id it is remembered that an object was imported."""
    return SEPARATOR.join((found.kind, found.id))


def stored_digest(record: Record) -> str:
    """Return a digest of a record as it stands here: any change over the API gives another one.

    What is at its default says nothing, so that a later version's new fields make no old digest wrong.
    """
    fields: dict[str, Any] = {}
    for item in msgspec.structs.fields(record):
        value = getattr(record, item.name)
        if item.name not in _NOT_COMPARED and value != item.default:
            fields[item.name] = value
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


def source_digest(found: Found, secret: bytes) -> str:
    """Return a digest of what LiteLLM says of an object; keyed, since its secrets are in it."""
    text = "\0".join((stored_digest(found.record), *found.secrets))
    return hmac.digest(secret, text.encode(), "sha256").hex()


def decide(
    found: Found, present: Record | None, before: ImportRecord | None, source: str, *, overwrite: bool
) -> tuple[Action, str]:
    """Return what to do, and for an object that is kept though LiteLLM says otherwise, why."""
    if present is None:
        return ("create", "") if before is None or overwrite else ("keep", DELETED)
    if getattr(present, "declared", False):
        return "keep", DECLARED
    untouched = before is not None and before.stored == stored_digest(present)
    news = before is None or before.source != source
    if untouched:
        return ("replace", "") if news else ("keep", "")
    if overwrite:
        return "replace", ""
    if before is None:
        return "keep", HERE
    return "keep", CHANGED if news else ""


def spent_since(spent: Spent | None, before: ImportRecord | None, now: float) -> int:
    """Return nano-dollars that were spent in the current period and are not in the ledger yet."""
    if spent is None or (spent.until and spent.until <= now):
        return 0
    already = before.spent if before is not None and before.until == spent.until else 0
    return max(spent.nano - already, 0)


def opening(spent: Spent, nano: int, total: int, now: float) -> Completion:
    """Return the ledger's document of what was spent elsewhere; it counts for one scope alone."""
    kind, id = spent.scope
    mark = hashlib.blake2b(f"{spent.scope.text}\0{spent.until}\0{total}".encode(), digest_size=18).hexdigest()
    request = f"import:{kind}:{mark}"
    parts = [MOST_IN_ATTEMPT] * (nano // MOST_IN_ATTEMPT) + [nano % MOST_IN_ATTEMPT]
    attempts = tuple(
        Attempt(
            id=f"{request}:{number}", deployment="", provider="litellm", model="", started=now, ended=now,
            outcome="success", status=200, cost=cost, price_version="litellm",
        )
        for number, cost in enumerate(parts[:100])
    )  # fmt: skip
    team, _, user = id.partition(SEPARATOR) if kind == "member" else ("", "", "")
    return Completion(
        request_id=request, route="import", dialect="openai", model_group="", outcome="success", status=200,
        received=now, ended=now, attempts=attempts, opening=spent.scope.text,
        key=id if kind == "key" else "", user=id if kind == "user" else user, team=id if kind == "team" else team,
        organization=id if kind == "organization" else "", end_user=id if kind == "customer" else "",
    )  # fmt: skip
