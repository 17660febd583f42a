"""Where a body broke its schema, in the words of msgspec's errors."""

import re

import msgspec

from tollway.demo_provider.behaviour import UnknownBehaviourError, behaviour_of

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`")
_MISSING = re.compile(r"Object missing required field `(.*?)`")
_PATH = re.compile(r" - at `(?:key in )?\$\.?(.*?)`$")


def path_of(error: msgspec.ValidationError) -> str | None:
    """Return the path of the offending value, such as `messages[0].role`."""
    match = _PATH.search(str(error))
    return match[1] or None if match else None


def reason_of(error: msgspec.ValidationError) -> str:
    """Return what is wrong, without the path."""
    return _PATH.sub("", str(error))


def unknown_field(error: msgspec.ValidationError) -> str | None:
    """Return the path of a field that the schema does not know."""
    return _named(_UNKNOWN, error)


def missing_field(error: msgspec.ValidationError) -> str | None:
    """Return the path of a required field that is not there."""
    return _named(_MISSING, error)


def _named(pattern: re.Pattern[str], error: msgspec.ValidationError) -> str | None:
    match = pattern.match(str(error))
    if match is None:
        return None
    path = path_of(error)
    return f"{path}.{match[1]}" if path else match[1]


class _Model(msgspec.Struct):
    model: str = ""


_decode_model = msgspec.json.Decoder(_Model).decode


def wants_lenience(body: bytes, header: str) -> bool:
    """Say whether a refused body's model or the header asks for unknown fields to be let pass."""
    try:
        return behaviour_of(_decode_model(body).model, header).lenient
    except (msgspec.DecodeError, UnknownBehaviourError):
        return False
