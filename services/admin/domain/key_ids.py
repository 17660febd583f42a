"""Which stored key an id on a management route means.

A key has three ids: the key itself (`sk-…`), LiteLLM's `token`, which is its SHA-256, and Tollway's own, the
keyed hash under which it is stored. Answers show the last, since it can be told from nothing else.
"""

import re

from shared.errors import InvalidRequest
from shared.security.keys import PREFIX, key_digest, stored_hash

_DIGEST = re.compile(r"[0-9a-f]{64}")


def stored_candidates(id: str, secret: bytes, param: str = "key") -> tuple[str, ...]:
    """Return the stored hashes that an id may mean, the likeliest first; raise `InvalidRequest` for no id."""
    if id.startswith(PREFIX):
        return (stored_hash(key_digest(id), secret),)
    if _DIGEST.fullmatch(id):
        return (id, stored_hash(id, secret))
    raise InvalidRequest(f"'{param}' must be a key ('{PREFIX}…') or the hash of one (64 hex digits).", param=param)


def shown_id(id: str) -> str:
    """Return an id as it may stand in an answer or a message: a key itself is masked."""
    return masked(id) if id.startswith(PREFIX) else id


def masked(key: str) -> str:
    """Return a key with all but its last four characters hidden, as LiteLLM's `key_name` is."""
    return f"{PREFIX}...{key[-4:]}"
