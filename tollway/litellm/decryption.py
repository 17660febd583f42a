"""LiteLLM's encrypted values, in clear. Pure.

`litellm/proxy/common_utils/encrypt_decrypt_utils.py` of LiteLLM 1.106: a value is XSalsa20-Poly1305 (NaCl's secret
box), as base64 that is URL-safe since 2025, or AES-256-GCM behind a prefix where that was chosen. The key of both is
SHA-256 of the salt key, and where there is no salt key, of the master key.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

GCM = "v2:gcm:"
GCM_NONCE = 12

SMALLEST = 40
"""Bytes of a secret box of nothing: a nonce of 24 and a tag of 16."""


class NotOpened(Exception):
    """A value is encrypted, and not under this salt key."""


@dataclass(frozen=True, slots=True)
class SaltKey:
    """What opens LiteLLM's values."""

    text: str

    def __repr__(self) -> str:
        return "SaltKey(…)"

    def opened(self, value: str) -> str:
        """Return a value in clear; what is not encrypted, as it is. Raises `NotOpened`."""
        data = sealed_bytes(value)
        if data is None:
            return value
        key = hashlib.sha256(self.text.encode()).digest()
        try:
            if value.startswith(GCM):
                return AESGCM(key).decrypt(data[:GCM_NONCE], data[GCM_NONCE:], None).decode()
            return _from_box(data, key)
        except (ValueError, InvalidTag):
            raise NotOpened from None


def sealed_bytes(value: str) -> bytes | None:
    """Return the bytes of a value that looks encrypted; None for one in clear.

    A name or an address may be base64 by chance, but not one that is as long as a nonce and a tag.
    """
    encoded = value.removeprefix(GCM).replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if value.startswith(GCM) or len(data) >= SMALLEST else None


def _from_box(data: bytes, key: bytes) -> str:
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    try:
        return bytes(SecretBox(key).decrypt(data)).decode()
    except CryptoError:
        raise ValueError("the box does not open") from None
