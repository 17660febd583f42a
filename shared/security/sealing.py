"""Secrets at rest: AES-256-GCM, bound to the object that they belong to."""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "tw1:"
"""Stands before every sealed secret, so that another cipher or key can follow without a guess."""

KEY_BYTES = 32
NONCE_BYTES = 12
"""NIST SP 800-38D's size; random nonces of it are safe for 2**32 secrets under one key."""

EncryptionKeys = bytes | tuple[bytes, ...]
"""The key that opens, or several of them while one follows another, the likeliest first."""


class SealBroken(Exception):
    """A sealed secret cannot be opened: damaged, moved from another object, or sealed under another key.

    The message says which, and never holds the secret.
    """


def seal(plain: str, key: bytes, context: str) -> str:
    """Return `plain` sealed under the 32 bytes of `key`, as printable text.

    `context` names what the secret belongs to, for example a deployment's id; it opens there only.
    Raises `SealBroken` when the key has another size.
    """
    nonce = os.urandom(NONCE_BYTES)
    sealed = _cipher(key).encrypt(nonce, plain.encode(), context.encode())
    return VERSION + base64.b64encode(nonce + sealed).decode()


def unseal(sealed: str, key: EncryptionKeys, context: str) -> str:
    """Return what was sealed for this `context`, under any of the keys; raise `SealBroken`."""
    if not sealed.startswith(VERSION):
        raise SealBroken("the stored secret is in a form that this version does not know")
    try:
        data = base64.b64decode(sealed.removeprefix(VERSION), validate=True)
    except (binascii.Error, ValueError):
        raise _broken() from None
    for one in (key,) if isinstance(key, bytes) else key:
        try:
            return _cipher(one).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], context.encode()).decode()
        except (ValueError, InvalidTag):
            continue
    raise _broken()


def is_sealed_under(sealed: str, key: bytes, context: str) -> bool:
    """Tell whether this key opens a secret."""
    try:
        unseal(sealed, key, context)
    except SealBroken:
        return False
    return True


def _broken() -> SealBroken:
    return SealBroken("the stored secret cannot be opened; it was damaged or sealed under another encryption key")


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise SealBroken(f"the encryption key must have {KEY_BYTES} bytes, not {len(key)}")
    return AESGCM(key)
