"""Is this body a request at all? Everything that can be refused before a worker is troubled is refused here."""

from dataclasses import dataclass
from typing import Any, NoReturn

from shared.errors import Dialect, InvalidRequest
from shared.wire.strict_json import read_strictly

MAX_MODEL = 512
"""Characters of a model's name, which travels beside the body in every message; no real one comes near it."""

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
    """Check a chat request in either dialect and return its facts; raise `InvalidRequest`."""
    document = read_strictly(body)
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
