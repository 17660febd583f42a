"""What a provider may say about where its keys are."""

import json
from typing import Any

import pytest

from services.auth.domain.jwt_discovery import discovery_url, key_set_url

ISSUER = "https://login.example/realms/corp"


def metadata(**other: Any) -> bytes:
    """Return metadata of the issuer."""
    return json.dumps({"issuer": ISSUER, "jwks_uri": "https://login.example/keys?p=1"} | other).encode()


def test_the_metadata_is_below_the_issuer() -> None:
    """With or without a slash at its end."""
    assert discovery_url(ISSUER) == f"{ISSUER}/.well-known/openid-configuration"
    assert discovery_url(f"{ISSUER}/") == f"{ISSUER}/.well-known/openid-configuration"


def test_the_keys_are_where_the_metadata_says() -> None:
    """A query belongs to the address."""
    assert key_set_url(metadata(), ISSUER) == "https://login.example/keys?p=1"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"\xff",
        metadata(issuer="https://evil.example"),
        metadata(issuer=f"{ISSUER}/"),
        metadata(issuer=None),
        metadata(jwks_uri=None),
        metadata(jwks_uri=["https://login.example/keys"]),
        metadata(jwks_uri="http://login.example/keys"),
        metadata(jwks_uri="file:///etc/passwd"),
        metadata(jwks_uri="//login.example/keys"),
        metadata(jwks_uri="https://user:secret@login.example/keys"),
        metadata(jwks_uri="https://169.254.169.254/keys"),
        metadata(jwks_uri="https://[fd00:ec2::254]/keys"),
        metadata(jwks_uri="https://metadata.google.internal/keys"),
        metadata(jwks_uri="https://[broken/keys"),
    ],
)
def test_metadata_that_is_not_right_is_refused(document: bytes) -> None:
    """It is of another issuer, or leads where no key can be trusted."""
    with pytest.raises(ValueError):
        key_set_url(document, ISSUER)
