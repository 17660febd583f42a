"""Virtual keys: made once, shown once, stored as HMAC(secret, SHA-256(key))."""

import hashlib
import hmac
import secrets
from functools import lru_cache

PREFIX = "sk-"


def new_key() -> str:
    """Return a key with 192 bits of randomness."""
    return PREFIX + secrets.token_urlsafe(24)


def key_digest(key: str) -> str:
    """Return SHA-256 of a key in hex; LiteLLM's id of a key, and all of it that crosses the bus."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def stored_hash(digest: str, secret: bytes) -> str:
    """Return the hash under which a key stands in the store, from its digest in hex."""
    keyed = _keyed(secret).copy()
    keyed.update(digest.encode())
    return keyed.hexdigest()


@lru_cache(8)
def _keyed(secret: bytes) -> hmac.HMAC:
    """Return a MAC that has taken in its secret, which costs more than the digest of a key."""
    return hmac.new(secret, digestmod="sha256")


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
