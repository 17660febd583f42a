"""Where a caller's key may stand."""

import re
from collections.abc import Mapping

from shared.errors import Unauthenticated

KEY_HEADERS = ("x-tollway-api-key", "x-litellm-api-key", "api-key", "x-api-key")
"""Headers that hold a key and nothing else, the most specific ones first."""

MAX_KEY = 16 * 1024
"""Characters; long enough for a JWT, short enough to hash without a thought."""

_JWT = re.compile(r"ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
"""Three parts in base64url, of which the first begins as every JSON object does. No key that Tollway makes is one."""

SECRET_HEADERS = frozenset({*KEY_HEADERS, "authorization", "proxy-authorization", "cookie", "x-goog-api-key"})
"""Headers that are never passed on as they came."""


def find_key(headers: Mapping[str, str], custom_header: str | None = None) -> str:
    """Return the caller's key; raise `Unauthenticated` when there is none."""
    names = (custom_header, *KEY_HEADERS) if custom_header else KEY_HEADERS
    for name in names:
        value = headers.get(name)
        if value:
            return _checked(value.removeprefix("Bearer ").strip())
    authorization = headers.get("authorization", "")
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return _checked(value.strip())
    if authorization:
        raise Unauthenticated("The Authorization header must be 'Bearer' followed by a key.")
    raise Unauthenticated("No API key was sent. Send one as 'Authorization: Bearer sk-…' or in the header 'x-api-key'.")


def is_jwt(key: str) -> bool:
    """Tell whether what stands in a key's place has the shape of a signed JWT."""
    return _JWT.fullmatch(key) is not None


def _checked(key: str) -> str:
    if len(key) > MAX_KEY:
        raise Unauthenticated("The API key is longer than any key can be.")
    return key
