"""Ids of requests, and what a client may call its own."""

import math
import os
import re
from collections.abc import Mapping

from shared.errors import InvalidRequest

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")


def new_request_id() -> str:
    """Return an id that no other request has; the key of the request's ledger document."""
    return os.urandom(16).hex()


def accepted_label(value: str | None) -> str:
    """Return a client's `x-request-id` if it is fit for logs and headers, else an empty string."""
    if value and _LABEL.fullmatch(value):
        return value
    return ""


MAX_LABEL = 256
"""Characters of a tag or an end user's id from a header; the rest is cut."""

MAX_TAGS = 32


def readable(value: str) -> str:
    """Return a header's value as text: where its bytes are no UTF-8 they are Latin-1, as HTTP once defined it."""
    if value.isascii():
        return value
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def wanted_tags(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tags of `x-litellm-tags`, which separates them by commas."""
    tags = (tag.strip()[:MAX_LABEL] for tag in readable(headers.get("x-litellm-tags", "")).split(","))
    return tuple(tag for tag in tags if tag)[:MAX_TAGS]


def wanted_team(headers: Mapping[str, str]) -> str:
    """Return the team for which the holder of a JWT asks."""
    value = headers.get("x-tollway-team-id") or headers.get("x-litellm-team-id") or ""
    return readable(value).strip()[:MAX_LABEL]


END_USER_HEADERS = ("x-litellm-customer-id", "x-litellm-end-user-id")
"""LiteLLM's headers for the end user of a request; the first one counts."""


def named_end_user(headers: Mapping[str, str]) -> str:
    """Return for whom the headers say that a request is; empty where they say nothing."""
    for name in END_USER_HEADERS:
        if value := headers.get(name):
            return readable(value)[:MAX_LABEL]
    return ""


def wanted_timeout(headers: Mapping[str, str], limit: float) -> float:
    """Return the seconds that the request may take: what `x-litellm-timeout` asks for, at most `limit`."""
    value = headers.get("x-litellm-timeout")
    if value is None:
        return limit
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise InvalidRequest("The header 'x-litellm-timeout' must be a number of seconds above 0.")
    return min(seconds, limit)
