"""The gateway's own fields in a request's body: they are taken out and never reach a provider."""

from typing import Any

import msgspec
from msgspec import Raw

from services.router.translate.request_fields import value_of
from services.router.translate.types import OwnFields
from shared.errors import Dialect, InvalidRequest
from shared.wire.reading import object_in

GATEWAY_FIELDS = ("guardrails", "cache", "tags", "fallbacks", "priority", "num_retries")

MAX_TAGS = 64
MAX_TAG = 256
"""Characters of one tag."""

MAX_END_USER = 256
"""Characters of the end user's id that stand in the ledger; the provider gets all of them."""

MAX_METADATA = 2048
"""Bytes of a request's metadata in the ledger, as JSON; fields beyond are left out of it."""

MAX_RETRIES = 100
"""What `num_retries` may ask for; the router's own bound is lower."""


def take_own_fields(fields: dict[str, Raw], dialect: Dialect) -> OwnFields:
    """Remove the gateway's fields from a body's and return what they said; raises `InvalidRequest`.

    `metadata` is LiteLLM's in OpenAI's dialect and goes too; in Anthropic's it is the vendor's own and stays.
    """
    taken = {name: fields.pop(name) for name in GATEWAY_FIELDS if name in fields}
    metadata: dict[str, Any] = {}
    if "metadata" in fields:
        metadata = object_in(fields.pop("metadata") if dialect == "openai" else fields["metadata"])
    return OwnFields(
        tags=_tags(taken.get("tags"), metadata if dialect == "openai" else {}),
        end_user=_end_user(fields.get("user"), metadata, dialect),
        num_retries=_num_retries(taken.get("num_retries")),
        metadata=_kept(metadata) if dialect == "openai" else "",
    )


def _end_user(user: Raw | None, metadata: dict[str, Any], dialect: Dialect) -> str:
    name = metadata.get("user_id") if dialect == "anthropic" else user and value_of(user, "user")
    return name[:MAX_END_USER] if isinstance(name, str) else ""


def _tags(field: Raw | None, metadata: dict[str, Any]) -> tuple[str, ...]:
    tags = metadata.get("tags") if field is None else value_of(field, "tags")
    if tags is None:
        return ()
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidRequest("'tags' must be an array of strings.", param="tags")
    if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in tags):
        raise InvalidRequest(f"'tags' may hold {MAX_TAGS} tags of {MAX_TAG} characters each.", param="tags")
    return tuple(dict.fromkeys(tags))


def _kept(metadata: dict[str, Any]) -> str:
    """Return the fields that fit, as JSON; tags stand in the ledger by themselves."""
    kept, size = {}, 2
    for name, value in metadata.items():
        more = len(msgspec.json.encode({name: value}))
        if name != "tags" and size + more <= MAX_METADATA:
            kept[name] = value
            size += more
    return msgspec.json.encode(kept).decode() if kept else ""


def _num_retries(field: Raw | None) -> int | None:
    value = None if field is None else value_of(field, "num_retries")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_RETRIES:
        raise InvalidRequest(f"'num_retries' must be a number from 0 to {MAX_RETRIES}.", param="num_retries")
    return value
