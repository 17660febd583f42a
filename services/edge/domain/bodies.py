"""Is this body a request at all? Everything that can be refused before a worker is troubled is refused here."""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from shared.errors import Dialect, InvalidRequest

MAX_DEPTH = 128
"""Levels of arrays and objects; no real request comes near it, and every parser behind us recurses."""

MAX_MODEL = 512
"""Characters of a model's name, which travels beside the body in every message; no real one comes near it."""

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_MEMBER = re.compile(rb'"\s*:')
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_ROLES = {
    "openai": frozenset({"system", "developer", "user", "assistant", "tool", "function"}),
    "anthropic": frozenset({"user", "assistant", "system"}),
}


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """What the stages need to know of a body without reading it again."""

    model: str
    stream: bool


def read_chat_body(body: bytes, dialect: Dialect) -> BodyFacts:
    """Check a chat request in either dialect and return its facts; raise `InvalidRequest`.

    Two readers of one body must never see different things, so what JSON leaves open is refused: duplicate
    names, lone surrogates, NaN.
    """
    document = _parse(body)
    if not isinstance(document, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    model = document.get("model")
    if not isinstance(model, str):
        _wrong("model", "a string", missing=model is None)
    if not model:
        raise InvalidRequest("'model' must not be empty.", param="model")
    if len(model) > MAX_MODEL:
        raise InvalidRequest(f"'model' must not be longer than {MAX_MODEL} characters.", param="model")
    _check_messages(document.get("messages"), dialect)
    stream = document.get("stream")
    if stream is not None and not isinstance(stream, bool):
        _wrong("stream", "true or false")
    if dialect == "anthropic":
        _check_max_tokens(document.get("max_tokens"))
    return BodyFacts(model, bool(stream))


def _parse(body: bytes) -> Any:
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _too_deep(body):
        raise InvalidRequest(f"The request body is nested more than {MAX_DEPTH} levels deep.")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_slowly(body)
    # As many members as names: no name stands twice in its object. What looks like a member inside of a string
    # makes the count too high, never too low.
    if len(_MEMBER.findall(body)) == _names_in(document):
        return document
    return _parse_slowly(body)


def _names_in(value: Any) -> int:
    """Count the names of all objects in a document."""
    if isinstance(value, dict):
        return len(value) + sum(_names_in(item) for item in value.values() if isinstance(item, (dict, list)))
    if isinstance(value, list):
        return sum(_names_in(item) for item in value if isinstance(item, (dict, list)))
    return 0


def _parse_slowly(body: bytes) -> Any:
    """Read a document that is wrong, or looks as if: slower by three, it knows what is wrong, and where."""
    if not body.strip():
        raise InvalidRequest("The request body is empty; it must be a JSON object.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The request body is not UTF-8 (byte {error.start}).") from None
    try:
        document = _decode(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The request body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from None
    except RecursionError:
        raise InvalidRequest("The request body is nested too deeply.") from None
    except ValueError as error:
        # Python refuses to read integers of more than 4,300 digits.
        raise InvalidRequest("The request body holds a number that is too long.") from error
    if b"\\u" in body and "\\ud" in text.lower() and _LONE_SURROGATE.search(_all_text(document)):
        raise InvalidRequest("The request body holds a lone surrogate (half of a character).")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InvalidRequest(f"The name '{name[:64]}' stands twice in one object.", param=name[:64])
            seen.add(name)
    return result


def _no_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"{name} is not valid JSON.")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant).decode


def _too_deep(body: bytes) -> bool:
    depth = 0
    for match in _STRUCTURE.finditer(body):
        token = match[0]
        if token in (b"{", b"["):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token in (b"}", b"]"):
            depth -= 1
    return False


def _all_text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)


def _check_messages(messages: Any, dialect: Dialect) -> None:
    if not isinstance(messages, list):
        _wrong("messages", "an array", missing=messages is None)
    if not messages:
        raise InvalidRequest("'messages' must hold at least one message.", param="messages")
    roles = _ROLES[dialect]
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            _wrong(f"messages[{index}]", "an object")
        role = message.get("role")
        if not isinstance(role, str):
            _wrong(f"messages[{index}].role", "a string", missing=role is None)
        if role not in roles:
            raise InvalidRequest(f"'{role[:32]}' is not a role.", param=f"messages[{index}].role")
        content = message.get("content")
        if content is not None and not isinstance(content, (str, list)):
            _wrong(f"messages[{index}].content", "a string or an array of parts")
        if content is None and role not in ("assistant", "function"):
            _wrong(f"messages[{index}].content", "a string or an array of parts", missing=True)


def _check_max_tokens(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        _wrong("max_tokens", "an integer", missing=value is None)
    if value < 1:
        raise InvalidRequest("'max_tokens' must be at least 1.", param="max_tokens")


def _wrong(param: str, expected: str, *, missing: bool = False) -> NoReturn:
    if missing:
        raise InvalidRequest(f"'{param}' is missing; it must be {expected}.", param=param)
    raise InvalidRequest(f"'{param}' must be {expected}.", param=param)
