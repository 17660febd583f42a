"""What of a provider-native request goes on: its target as it came, its headers without the caller's secrets."""

import re
from urllib.parse import unquote_plus

from services.edge.domain.credentials import SECRET_HEADERS
from shared.errors import InvalidRequest
from shared.wire.headers import Headers, end_to_end

MAX_HEADER_BYTES = 64 * 1024
"""All headers together, as they travel beside the body in one message."""

_PATH = re.compile(r"/[!-~]*")
_NOT_IN_A_TARGET = frozenset('"<>\\^`{|}#')
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

_ABOUT_THE_CLIENT = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})
_OURS = ("x-forwarded-", "x-tollway-", "x-litellm-")
_MADE_ANEW = frozenset({"host", "expect"})


def split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request target, byte for byte; raise `InvalidRequest`.

    Only the origin form (`/path?query`) of RFC 9112 is taken, of the characters that RFC 3986 allows: what two
    parsers could read in two ways is refused before anybody else reads it.
    """
    path, _, query = target.partition("?")
    if not _PATH.fullmatch(path) or _NOT_IN_A_TARGET.intersection(path) or _BAD_ESCAPE.search(path):
        raise InvalidRequest("The request's path holds characters that a path may not have.")
    if query and (not query.isascii() or not query.isprintable() or " " in query or "#" in query):
        raise InvalidRequest("The request's query holds characters that a query may not have.")
    return path, query


def remainder_of(path: str, prefix: str, *, subpaths: bool) -> str | None:
    """Return what follows a route's path, letter by letter; None when the path is not this route's."""
    if not path.startswith(prefix):
        return None
    rest = path[len(prefix) :]
    if rest in ("", "/") or (subpaths and rest.startswith("/")):
        return rest
    return None


def forwarded_headers(headers: Headers, key: str, custom_header: str | None) -> Headers:
    """Return the headers that go on to the provider; raise `InvalidRequest` when they are too long.

    The caller's key goes nowhere, under whatever name it was sent, and neither does what tells of the client's
    address or steers Tollway itself.
    """
    secret = SECRET_HEADERS | ({custom_header.lower()} if custom_header else frozenset())
    kept = tuple((name, value) for name, value in end_to_end(headers) if _goes_on(name.lower(), value, secret, key))
    if sum(len(name) + len(value) for name, value in kept) > MAX_HEADER_BYTES:
        raise InvalidRequest(f"The headers are longer than {MAX_HEADER_BYTES} bytes.", status=431)
    return kept


def _goes_on(name: str, value: str, secret: frozenset[str], key: str) -> bool:
    if name in secret or name in _MADE_ANEW or name in _ABOUT_THE_CLIENT or name.startswith(_OURS):
        return False
    return key not in value


def check_no_key_in_target(path: str, query: str, key: str) -> None:
    """Raise `InvalidRequest` when the caller's key stands in the URL, which goes on as it is."""
    if key in unquote_plus(path) or key in unquote_plus(query):
        raise InvalidRequest("The API key must not stand in the URL; send it in a header alone.")
