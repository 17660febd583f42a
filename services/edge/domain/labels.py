"""Ids of requests, and what a client may call its own."""

import re
import uuid

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")


def new_request_id() -> str:
    """Return an id that no other request has; the key of the request's ledger document."""
    return uuid.uuid4().hex


def accepted_label(value: str | None) -> str:
    """Return a client's `x-request-id` if it is fit for logs and headers, else an empty string."""
    if value and _LABEL.fullmatch(value):
        return value
    return ""
