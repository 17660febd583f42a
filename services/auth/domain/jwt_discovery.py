"""Where an OIDC provider says that its keys are."""

from urllib.parse import urlsplit

import msgspec
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url

from shared.settings.checks import is_forbidden_host


def discovery_url(issuer: str) -> str:
    """Return the address of a provider's metadata (OpenID Connect Discovery 1.0, section 4)."""
    return str(get_well_known_url(issuer, external=True))


def key_set_url(document: bytes, issuer: str) -> str:
    """Return the address of the keys by a provider's metadata; raise `ValueError` that says what is wrong.

    It must be the metadata of this very issuer, and the address one of HTTPS; on this machine HTTP will do.
    """
    try:
        metadata = OpenIDProviderMetadata(msgspec.json.decode(document, type=dict))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("its metadata is no JSON object") from None
    if metadata.get("issuer") != issuer:
        raise ValueError("its metadata is of another issuer")
    url = metadata.get("jwks_uri")
    if not isinstance(url, str):
        raise ValueError("its metadata names no key set")
    metadata.validate_jwks_uri()
    parts = urlsplit(url)
    if parts.username is not None or is_forbidden_host(parts.hostname or ""):
        raise ValueError("its metadata names a key set at an address that may not be called")
    return url
