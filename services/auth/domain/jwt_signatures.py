"""Is a JWT one that this issuer signed for this gateway, and does it still count?

A token is believed nothing before its signature is checked, and what it says about where its key could be had
(`jku`, `x5u`, `jwk`, `x5c`) is never looked at. Every refusal is an `Unauthenticated`.
"""

from base64 import urlsafe_b64decode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import JWKRegistry, Key, OctKey
from joserfc.jws import JWSRegistry, deserialize_compact
from joserfc.jwt import JWTClaimsRegistry

from shared.errors import Unauthenticated
from shared.settings.jwt import JwtIssuer

MAX_HEADER = 4096
"""Characters of a token's head: room for a chain of certificates, which some providers put there."""

MOST_KEYS = 64
"""Keys of one issuer; further ones are not read."""

LEAST_RSA_BITS = 2048
"""RFC 7518, section 3.3."""

TYPES = frozenset({"", "jwt", "at+jwt", "application/jwt", "application/at+jwt"})
"""Kinds of JWT that tell who somebody is, in lower case; others, such as `logout+jwt`, do not (RFC 8725, 3.11)."""

UNREADABLE = "The token cannot be read."


class _Head(msgspec.Struct):
    alg: str
    kid: str | None = None
    typ: str = ""
    crit: msgspec.Raw = msgspec.Raw()


class _Payload(msgspec.Struct):
    iss: str


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token and what it says about itself."""

    token: str
    algorithm: str
    key_id: str | None
    issuer: str


class _Registry(JWSRegistry):
    """Accepts the named algorithms alone, by their names in the issuer's settings."""

    max_header_length = MAX_HEADER

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__(algorithms=allowed, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise Unauthenticated("The token is signed in a way that is not accepted.")
        return self.algorithms[name]


def read(token: str) -> Unverified:
    """Return what a token says of itself; nothing of it is known to be true."""
    parts = token.split(".")
    if len(parts) != 3 or len(parts[0]) > MAX_HEADER:
        raise Unauthenticated(UNREADABLE)
    try:
        head = msgspec.json.decode(_decoded(parts[0]), type=_Head)
        payload = msgspec.json.decode(_decoded(parts[1]), type=_Payload)
    except (ValueError, RecursionError):
        raise Unauthenticated(UNREADABLE) from None
    if head.crit or head.typ.lower() not in TYPES:
        raise Unauthenticated("The token is of a kind that is not accepted.")
    return Unverified(token, head.alg, head.kid, payload.iss)


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def check_algorithm(token: Unverified, issuer: JwtIssuer) -> None:
    """Raise unless the issuer signs in this way; costs nothing, so it comes before any key is looked for."""
    if token.algorithm not in issuer.algorithms:
        raise Unauthenticated("The token is signed in a way that is not accepted.")


def verified_claims(token: Unverified, key: Key, issuer: JwtIssuer, now: float) -> dict[str, Any]:
    """Return the claims of a token that `key` signed, that is the issuer's, for this gateway, and valid at `now`."""
    registry = _Registry(issuer.algorithms)
    try:
        payload = deserialize_compact(token.token, key, registry=registry).payload
        claims = msgspec.json.decode(payload, type=dict[str, Any])
        _claims_registry(issuer, now).validate(claims)
    except ExpiredTokenError:
        raise Unauthenticated("The token has expired.") from None
    except InvalidClaimError as error:
        raise Unauthenticated(_wrong(error.claim)) from None
    except MissingClaimError as error:
        raise Unauthenticated(f"The token lacks the claim '{error.claim}'.") from None
    except (JoseError, ValueError, RecursionError):
        raise Unauthenticated("The token's signature is not right.") from None
    return claims


def _claims_registry(issuer: JwtIssuer, now: float) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=int(now),
        leeway=int(issuer.leeway),
        iss={"essential": True, "value": issuer.issuer},
        aud={"essential": True, "values": list(issuer.audience)},
        exp={"essential": True},
    )


def _wrong(claim: str) -> str:
    return {
        "iss": "The token's issuer is not known here.",
        "aud": "The token is not for this gateway.",
        "nbf": "The token is not valid yet.",
        "iat": "The token was issued in the future.",
    }.get(claim, f"The token's claim '{claim}' is not right.")


def read_key_set(document: bytes) -> tuple[Key, ...]:
    """Return the public keys of a JWK set that sign, those that can be read; raise `ValueError` where it is none.

    A shared secret in a public document is no secret, so such a key is never taken.
    """
    try:
        keys = msgspec.json.decode(document, type=_KeySet).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is no JWK set") from None
    found = [key for item in keys[:MOST_KEYS] if (key := _public_key(item)) is not None]
    if not found:
        raise ValueError("it holds no key that signs")
    return tuple(found)


def _public_key(item: dict[str, Any]) -> Key | None:
    if item.get("kty") == "oct" or item.get("use", "sig") != "sig" or _too_short(item):
        return None
    try:
        return JWKRegistry.import_key(item)
    except (JoseError, ValueError, TypeError):
        return None


def _too_short(item: dict[str, Any]) -> bool:
    """Tell whether it is an RSA key that is too short, before a library reads it and warns of it."""
    modulus = item.get("n")
    if item.get("kty") != "RSA" or not isinstance(modulus, str):
        return False
    try:
        return int.from_bytes(_decoded(modulus)).bit_length() < LEAST_RSA_BITS
    except ValueError:
        return True


def shared_secret(secret: bytes) -> Key:
    """Return the key of HS signatures; raise `ValueError` for one that could be guessed (RFC 7518, section 3.2)."""
    if len(secret) < 32:
        raise ValueError("the secret must have 32 bytes and more")
    return OctKey.import_key(secret)


def key_for(token: Unverified, keys: Sequence[Key]) -> Key | None:
    """Return the key that a token names, or the only one that fits where it names none."""
    fitting = [key for key in keys if _fits(key, token)]
    return fitting[0] if len(fitting) == 1 or (fitting and token.key_id is not None) else None


def _fits(key: Key, token: Unverified) -> bool:
    if token.key_id is not None and key.kid != token.key_id:
        return False
    try:
        JWSRegistry.algorithms[token.algorithm].check_key(key)
    except JoseError:
        return False
    return True
