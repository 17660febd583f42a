"""Hides what looks like a secret, before an object is written where it is never changed again."""

import re
from typing import Any

MASK = "***"

_SECRET = re.compile(r"secret|passw|(?<!per_)token$|(api|access|private)_?key|credential|authorization", re.IGNORECASE)


_HARMLESS = frozenset({"credential_name", "litellm_credential_name"})


def is_secret(name: str) -> bool:
    """Tell whether a field of that name holds a secret, by its name."""
    return name not in _HARMLESS and bool(_SECRET.search(name))


def without_secrets(value: Any) -> Any:
    """Return JSON with the values of secret-looking names masked, at any depth."""
    if isinstance(value, dict):
        return {
            name: MASK if is_secret(name) and item not in (None, "", False) else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value
