"""A request's top-level fields, each kept as the bytes that the client sent."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from shared.errors import InvalidRequest
from shared.wire.reading import UNREADABLE

encode = msgspec.json.Encoder().encode

_decode = msgspec.json.Decoder(dict[str, Raw]).decode

TRUE = Raw(b"true")
FALSE = Raw(b"false")

Request = TypeVar("Request")

_PLACE = re.compile(r"^(?P<reason>.*) - at `\$\.?(?P<path>.*)`$", re.DOTALL)


def fields_of(body: bytes) -> dict[str, Raw]:
    """Return a body's fields in their order; raises `InvalidRequest` when it is no JSON object."""
    try:
        return _decode(body)
    except UNREADABLE:
        raise InvalidRequest("The request body is not a JSON object.") from None


def typed(decode: Callable[[bytes], Request], body: bytes) -> Request:
    """Return the body as what `decode` makes of it; raises `InvalidRequest` that names the wrong field."""
    try:
        return decode(body)
    except UNREADABLE as error:
        place = _PLACE.match(str(error))
        if place is None:
            raise InvalidRequest(f"The request body cannot be read: {str(error)[:200]}.") from None
        param = place["path"]
        raise InvalidRequest(f"'{param}' is wrong: {place['reason']}.", param=param) from None


def set_model_and_stream(fields: dict[str, Raw], model: str, *, stream: bool) -> None:
    """Ask for `model`, and for a stream or not, whatever the client's body said."""
    fields["model"] = Raw(encode(model))
    if bytes(fields.get("stream", b"false")) != (b"true" if stream else b"false"):
        fields["stream"] = TRUE if stream else FALSE


def value_of(raw: Raw, name: str) -> Any:
    """Return a field's value; raises `InvalidRequest` when its bytes are no JSON."""
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        raise InvalidRequest(f"'{name}' cannot be read.", param=name) from None


def refuse_fields(fields: dict[str, Raw], refused: dict[str, tuple[Any, ...]]) -> None:
    """Raise `InvalidRequest` for a field in `refused` that is there with a value other than null and those listed."""
    for name in refused.keys() & fields.keys():
        value = value_of(fields[name], name)
        if value is not None and value not in refused[name]:
            raise InvalidRequest(f"'{name}' is not possible with this model.", param=name)
