"""Whose tokens count: every known attack against what a token says of itself."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from services.auth.domain.jwt_signatures import (
    check_algorithm,
    key_for,
    read,
    read_key_set,
    shared_secret,
    verified_claims,
)
from shared.errors import Unauthenticated
from shared.settings.jwt import JwtIssuer

NOW = 1_800_000_000.0
ISSUER = JwtIssuer(issuer="https://login.example", audience=("tollway", "gateway"))
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
WIDE_EC = ECKey.generate_key("P-384", {"kid": "wide", "use": "sig"})
PUBLISHED = read_key_set(json.dumps({"keys": [key.as_dict(private=False) for key in (RSA, EC, WIDE_EC)]}).encode())


def claims(**other: Any) -> dict[str, Any]:
    """Return claims of a good token; None takes one away."""
    good = {"iss": ISSUER.issuer, "aud": "tollway", "sub": "alice", "exp": NOW + 60} | other
    return {name: value for name, value in good.items() if value is not None}


def signed(key: Key = RSA, payload: dict[str, Any] | None = None, **header: Any) -> str:
    """Return a token; the head names the key and its algorithm unless told otherwise."""
    algorithm = {"RSA": "RS256", "EC": "ES256", "oct": "HS256"}[key.key_type]
    head = {"alg": algorithm, "kid": key.kid} | header
    head = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(head, claims() if payload is None else payload, key, algorithms=[head["alg"]])


def part(value: Any) -> str:
    """Return JSON as a part of a token."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def with_head(token: str, **other: Any) -> str:
    """Return a token with another head, and the signature that it had."""
    _, payload, signature = token.split(".")
    return f"{part({'alg': 'RS256', 'kid': 'rsa'} | other)}.{payload}.{signature}"


def with_payload(token: str, **other: Any) -> str:
    """Return a token with other claims, and the signature that it had."""
    head, _, signature = token.split(".")
    return f"{head}.{part(claims(**other))}.{signature}"


def judged(token: str, issuer: JwtIssuer = ISSUER, keys: tuple[Key, ...] = PUBLISHED) -> dict[str, Any]:
    """Do what a worker does with a token whose issuer is known."""
    unverified = read(token)
    check_algorithm(unverified, issuer)
    key = key_for(unverified, keys)
    if key is None:
        raise Unauthenticated("no such key")
    return verified_claims(unverified, key, issuer, NOW)


@pytest.mark.parametrize("token", [signed(), signed(EC), signed(payload=claims(aud=["other", "gateway"]))])
def test_a_token_of_the_issuer_counts(token: str) -> None:
    """By each accepted algorithm, for one of the audiences."""
    assert judged(token)["sub"] == "alice"


def confused(secret: bytes) -> str:
    """Return a token by HMAC with what anybody can know; libraries refuse to make one."""
    text = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(claims())}"
    signature = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


OWN = RSAKey.generate_key(2048, {"kid": "own", "use": "sig"})
ATTACKS = {
    "none": f"{part({'alg': 'none'})}.{part(claims())}.",
    "none in capitals": f"{part({'alg': 'NONE', 'kid': 'rsa'})}.{part(claims())}.",
    "none with the old signature": with_head(signed(), alg="none"),
    "HS256 by the public key": confused(RSA.as_pem(private=False)),
    "HS256 by an empty secret": confused(b""),
    "an algorithm that is not accepted": signed(RSA, alg="RS512"),
    "a curve that is not the algorithm's": with_head(signed(), alg="ES256", kid="wide"),
    "a wrong kid": signed(RSA, kid="other"),
    "another's key id": signed(RSA, kid="ec"),
    "no kid, and two keys": signed(OWN, kid=None),
    "a kid that is a path": signed(RSA, kid="../../../../dev/null"),
    "a kid that is a query": signed(RSA, kid="' OR 1=1 --"),
    "a kid that is a number": with_head(signed(), kid=7),
    "a key of one's own in jwk": signed(OWN, jwk=OWN.as_dict(private=False)),
    "a key of one's own in jwk, under a known kid": signed(OWN, kid="rsa", jwk=OWN.as_dict(private=False)),
    "an address of one's own in jku": signed(OWN, jku="https://evil.example/keys"),
    "an address of one's own in x5u": signed(OWN, kid="rsa", x5u="https://evil.example/cert.pem"),
    "a certificate of one's own": signed(OWN, kid="rsa", x5c=["MIIB"]),
    "somebody else's signature": signed(OTHER),
    "an altered head": with_head(signed(), typ="at+jwt"),
    "altered claims": with_payload(signed(), sub="root"),
    "no signature": signed().rpartition(".")[0] + ".",
    "expired": signed(payload=claims(exp=NOW - 31)),
    "without an end": signed(payload=claims(exp=None)),
    "an end that is text": signed(payload=claims(exp="tomorrow")),
    "an end that is true": signed(payload=claims(exp=True)),
    "not yet valid": signed(payload=claims(nbf=NOW + 31)),
    "issued in the future": signed(payload=claims(iat=NOW + 31)),
    "wrong audience": signed(payload=claims(aud="another-service")),
    "wrong audiences": signed(payload=claims(aud=["another", "third"])),
    "no audience": signed(payload=claims(aud=None)),
    "an audience within another": signed(payload=claims(aud="tollway-staging")),
    "an audience that is an object": signed(payload=claims(aud={"tollway": True})),
    "another issuer": signed(payload=claims(iss="https://other.example")),
    "the issuer with a slash": signed(payload=claims(iss="https://login.example/")),
    "no issuer": signed(payload=claims(iss=None)),
    "a token of another kind": signed(typ="logout+jwt"),
    "an extension that must be understood": with_head(signed(), crit=["exp"], exp=1),
    "a payload that is not encoded": with_head(signed(), crit=["b64"], b64=False),
    "claims that are a list": f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{part(['iss'])}.c2ln",
    "a head that is a list": f"{part(['alg', 'RS256'])}.{part(claims())}.c2ln",
    "a deep head": f"{urlsafe_b64encode(b'[' * 3000).decode()}.{part(claims())}.c2ln",
    "deep claims": f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{urlsafe_b64encode(b'[' * 12_000).decode()}.c2ln",
    "a long head": with_head(signed(), note="x" * 5000),
    "a signature of a megabyte": signed() + "A" * 1_000_000,
    "no token": "ey..",
    "two parts": "ey.ey",
    "bytes that are no UTF-8": f"{urlsafe_b64encode(bytes([123, 34, 255, 255])).decode()}.{part(claims())}.c2ln",
}


@pytest.mark.parametrize("token", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused(token: str) -> None:
    """Each is 401, whatever else is wrong with it."""
    with pytest.raises(Unauthenticated):
        judged(token)


def test_clocks_may_differ_by_the_leeway() -> None:
    """A token that ended half a minute ago still counts, and one that begins in half a minute does already."""
    assert judged(signed(payload=claims(exp=NOW - 29, nbf=NOW + 29)))


def test_a_token_without_kid_has_the_only_key() -> None:
    """An issuer with one key need not name it."""
    assert judged(signed(RSA, kid=None), keys=PUBLISHED[:1])


def test_an_issuers_token_is_no_other_issuers() -> None:
    """Replayed to another issuer of the same audience, under the same key id, it is refused by its signature."""
    other = JwtIssuer(issuer="https://other.example", audience=("tollway",), user_prefix="o:")
    theirs = read_key_set(json.dumps({"keys": [OTHER.as_dict(private=False)]}).encode())
    with pytest.raises(Unauthenticated, match="signature"):
        judged(signed(payload=claims(iss=other.issuer)), other, theirs)
    with pytest.raises(Unauthenticated, match="issuer"):
        judged(signed(OTHER), other, theirs)


def test_a_shared_secret_counts_where_the_operator_said_so() -> None:
    """And then no other kind of signature does."""
    secret = shared_secret(b"0123456789abcdef0123456789abcdef")
    issuer = JwtIssuer.model_validate(
        {"issuer": "internal", "audience": ["tollway"], "algorithms": ["HS256"], "secret_file": "secret"}
    )
    mine = claims(iss="internal")
    assert judged(jwt.encode({"alg": "HS256"}, mine, secret), issuer, (secret,))
    with pytest.raises(Unauthenticated):
        judged(signed(payload=mine), issuer, (secret,))


def test_a_short_secret_is_refused() -> None:
    """It could be guessed from one token."""
    with pytest.raises(ValueError, match="32 bytes"):
        shared_secret(b"secret")


@pytest.mark.parametrize(
    "keys",
    [
        [{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "oct"}],
        [{"kty": "RSA", "kid": "short", "n": urlsafe_b64encode(b"\xc1" * 128).decode().rstrip("="), "e": "AQAB"}],
        [RSA.as_dict(private=False, use="enc")],
        [{"kty": "RSA", "kid": "broken", "n": "!!", "e": "AQAB"}],
        [{"kty": "RSA", "kid": "empty"}],
        [{"kty": ["RSA"]}],
        [],
    ],
    ids=["shared secret", "short", "for encryption", "broken", "empty", "odd", "none"],
)
def test_a_key_that_cannot_sign_is_not_taken(keys: list[Any]) -> None:
    """A set of such keys alone is no key set."""
    with pytest.raises(ValueError, match="no key"):
        read_key_set(json.dumps({"keys": keys}).encode())


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [1]}', b"\xff", b"[" * 5000])
def test_a_document_that_is_no_key_set_is_refused(document: bytes) -> None:
    """Whatever the provider answers."""
    with pytest.raises(ValueError, match="JWK set"):
        read_key_set(document)


@given(st.text(max_size=200) | st.from_regex(r"ey[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_whatever_comes_is_refused(token: str) -> None:
    """Nothing that was not signed gets in, and nothing makes the reader fall over."""
    with pytest.raises(Unauthenticated):
        judged(token)


@given(st.integers(0, len(signed()) - 1), st.sampled_from("ABCDEFxyz019_-"))
def test_no_character_can_be_changed(place: int, character: str) -> None:
    """A token with one other character is refused; the last one of a part may hold bits that mean nothing."""
    token = signed()
    changed = token[:place] + character + token[place + 1 :]
    if token[place] in (".", character) or token[place + 1 : place + 2] in ("", "."):
        return
    with pytest.raises(Unauthenticated):
        judged(changed)


def test_a_verification_takes_well_under_a_millisecond() -> None:
    """It is done on the loop, so it must not hold it; the bound is wide for busy machines."""
    token = signed()
    took = []
    for _ in range(50):
        began = time.thread_time()
        judged(token)
        took.append(time.thread_time() - began)
    assert min(took) < 0.005
