"""What a vendor's path means for the bill, and which model it names."""

import re
from typing import Literal

from services.passthrough.domain.targets import Vendor

Meaning = Literal["metered", "free", "unknown"]
"""Metered: the answer reports what it used. Unknown: it may cost something that the answer does not tell."""

_METERED: dict[Vendor, frozenset[str]] = {
    "openai": frozenset(
        {
            *("chat/completions", "completions", "embeddings", "responses"),
            *("images/generations", "images/edits", "images/variations"),
            *("audio/transcriptions", "audio/translations", "audio/speech"),
        }
    ),
    "anthropic": frozenset({"messages", "complete"}),
}

_FREE: dict[Vendor, re.Pattern[str]] = {
    "openai": re.compile(r"(files|uploads|models)(/.*)?|moderations|(responses|batches)/[^/]+/.*"),
    "anthropic": re.compile(r"(files|models)(/.*)?|messages/count_tokens|messages/batches/[^/]+/.*"),
}

_MODEL_IN_PATH = re.compile(r"(?:models|deployments|engines)/([^/]+)(?:/.*)?")


def operation_of(remainder: str) -> str:
    """Return the path below the version: `chat/completions` for `/v1/chat/completions`."""
    return remainder.strip("/").removeprefix("v1/")


def meaning_of(vendor: Vendor, method: str, operation: str) -> Meaning:
    """Tell what a call means for the bill."""
    if method != "POST":
        return "free"
    if operation in _METERED[vendor]:
        return "metered"
    return "free" if _FREE[vendor].fullmatch(operation) else "unknown"


def model_in_path(operation: str) -> str:
    """Return the model that the path names, or an empty string."""
    match = _MODEL_IN_PATH.fullmatch(operation)
    return match[1] if match else ""
