"""One management request and its answer, apart from how they travel."""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from services.admin.domain.rights import Caller
from shared.errors import BodyTooLarge, InvalidRequest
from shared.schemas.context import Principal
from shared.wire.strict_json import read_strictly

MAX_BODY_BYTES = 256 * 1024
"""No management request comes near it, and reading so much JSON takes milliseconds."""

MAX_PARAMETERS = 64

_NAME_IN_BRACES = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler needs to know; `now` in Unix seconds."""

    id: str
    principal: Principal
    caller: Caller
    now: float
    path: dict[str, str] = field(default_factory=dict)
    """What stands in the path where the route has a name in braces."""
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    client: str = ""
    """The address that the request came from."""

    @property
    def is_own_only(self) -> bool:
        """True for a caller who may see its own objects only."""
        return not self.caller.sees_all

    @property
    def actor(self) -> str:
        """Who asks, by the stored hash of its key; the holder of a JWT by its user, or by its team."""
        principal = self.principal
        return principal.key or principal.user or principal.team or principal.key_name or "master key"

    @property
    def actor_name(self) -> str:
        """Who asks, as people read it."""
        principal = self.principal
        return principal.key_alias or principal.user or principal.key_name or "master key"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, as JSON; `ignored` names the fields that were kept and mean nothing here."""

    body: Any
    ignored: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Streamed:
    """What goes back piece by piece, as fast as the client reads it."""

    content_type: str
    pieces: AsyncIterator[bytes]
    filename: str


def read_query(query: str) -> dict[str, str]:
    """Return a query string's parameters; raise `InvalidRequest` where it is none, or says one thing twice."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        raise InvalidRequest("The query string cannot be read.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name in found if sum(name == other for other, _ in pairs) > 1)
        raise InvalidRequest(f"'{twice[:64]}' stands twice in the query string.", param=twice[:64])
    return found


def read_path(patterns: Iterable[str], path: str) -> dict[str, str]:
    """Return what stands in a path where one of the route's patterns has names in braces, as `{key}`.

    The path is decoded already, so that a value may hold slashes; the edge matched it before.
    """
    for pattern in patterns:
        parts = _NAME_IN_BRACES.split(pattern)
        names = parts[1::2]
        match = re.fullmatch("(.+)".join(map(re.escape, parts[::2])), path)
        if match is not None:
            return dict(zip(names, match.groups(), strict=True))
    return {}


def read_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, an empty one for no body; raise `InvalidRequest`."""
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    if not body.strip():
        return {}
    document = read_strictly(body)
    try:
        msgspec.json.decode(body)
    except msgspec.MsgspecError:
        # A number that no float holds could be neither kept nor shown again.
        raise InvalidRequest("The request body holds a number that is too large.") from None
    if not isinstance(document, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    return document
