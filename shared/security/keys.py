"""Virtual keys: made once, shown once, stored as HMAC(secret, SHA-256(key))."""

import hashlib
import hmac
import secrets

PREFIX = "sk-"


def new_key() -> str:
    """Return a key with 192 bits of randomness."""
    return PREFIX + secrets.token_urlsafe(24)


def key_digest(key: str) -> str:
    """Return SHA-256 of a key in hex; LiteLLM's id of a key, and all of it that crosses the bus."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def stored_hash(digest: str, secret: bytes) -> str:
    """Return the hash under which a key stands in the store, from its digest in hex."""
    return hmac.digest(secret, digest.encode(), "sha256").hex()


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
