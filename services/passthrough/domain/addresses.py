"""The address that a request goes to: the configured base, and what followed the route's path, as it came."""

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from services.passthrough.domain.targets import Target
from shared.errors import InvalidRequest

MAX_UNQUOTING = 4
"""Rounds of percent-decoding after which a path that still changes is refused."""

_VERSION = re.compile(r"/v[0-9]")
_DOTS = frozenset({".", ".."})


def remainder_of(target: Target, path: str) -> str:
    """Return what followed the route's path; raise `InvalidRequest` where it could lead out of the base.

    The path goes on as it came, so every reading of it that some server might have is looked at: escapes
    decoded again and again, backslashes as slashes, parameters after a semicolon cut off.
    """
    rest = path[len(target.prefix) :]
    if not path.startswith(target.prefix) or (rest and not rest.startswith("/")):
        raise InvalidRequest("The path does not begin with the route's own.")
    if rest.startswith("//"):
        raise InvalidRequest("The path has an empty first segment.")
    for reading in _readings(rest):
        if "\\" in reading or not reading.isprintable():
            raise InvalidRequest("The path holds a backslash or a control character.")
        if reading.startswith("//") or any(part.partition(";")[0].strip() in _DOTS for part in reading.split("/")):
            raise InvalidRequest("The path holds a '.' or '..' segment.")
    return rest


def _readings(rest: str) -> list[str]:
    readings = [rest]
    while (decoded := unquote(readings[-1], errors="replace")) != readings[-1]:
        if len(readings) > MAX_UNQUOTING:
            raise InvalidRequest("The path is encoded too many times over.")
        readings.append(decoded)
    return readings


def provider_url(target: Target, path: str, query: str) -> str:
    """Return the URL to call, encoded already; raise `InvalidRequest` where it could leave the target's base."""
    rest = remainder_of(target, path)
    if target.vendor == "openai" and rest and not _VERSION.match(rest):
        # LiteLLM's clients leave the version out.
        rest = "/v1" + rest
    query = _with_defaults(query, target.default_query)
    return target.base + (rest or "/" * _needs_slash(target.base)) + ("?" + query if query else "")


def _needs_slash(base: str) -> bool:
    return not urlsplit(base).path


def _with_defaults(query: str, defaults: tuple[tuple[str, str], ...]) -> str:
    if not defaults:
        return query
    named = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    added = urlencode([item for item in defaults if item[0] not in named], quote_via=quote)
    return "&".join(part for part in (query, added) if part)


def rewritten_location(target: Target, location: str) -> str:
    """Return a `Location` under the route's path when it points into the target's base, else as it is."""
    base = urlsplit(target.base)
    place = urlsplit(location)
    if place.scheme or place.netloc:
        same = (place.scheme or base.scheme, place.netloc.lower()) == (base.scheme, base.netloc.lower())
        if not same:
            return location
    elif not location.startswith("/"):
        return location
    if place.path != base.path and not place.path.startswith(base.path + "/"):
        return location
    inside = place.path[len(base.path) :]
    query = f"?{place.query}" if place.query else ""
    return target.prefix + inside + query + (f"#{place.fragment}" if place.fragment else "")
