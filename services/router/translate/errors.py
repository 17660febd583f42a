"""Providers' errors, as an answer of their own or inside of one, and what they mean to the client."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from shared.errors import ProviderError
from shared.wire.reading import UNREADABLE

MAX_MESSAGE = 2_000
"""Characters of a provider's message that go on to the client."""

MAX_RETRY_AFTER = 86_400.0
"""Seconds; a provider that asks for more is told a day."""

CREDENTIAL_PREFIX = "The provider refused Tollway's credential, which is not your API key: "
CREDENTIAL_REFUSED = "provider_credential_refused"

_KEY = re.compile(
    r"(?i)\bbearer\s+\S+|\b(?:sk|rk|pk|gsk|xai|nvapi|pplx|hf|r8|ghp)[-_][\w*.\-]{3,}[\w*\-]|\bAIza[\w\-]{8,}|\bAKIA[A-Z0-9]{8,}"
)

_STATUS_BY_TYPE = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "requests": 429,
    "tokens": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Statuses of the error types and codes in OpenAI's and Anthropic's references, for errors that came without one."""


def provider_error(status: int, body: bytes, retry_after: str | None, *, same_dialect: bool) -> ProviderError:
    """Return a provider's error answer as an error with the provider's status and message.

    `retry_after` is what `retry_after_in` read. The provider's body goes along for a client of the same dialect.
    """
    document = _document(body)
    error = _error_object(document)
    message = _message(error, document) or _message_of_text(status, body, is_json=document is not None)
    return _error(status, error, message, seconds(retry_after), body if same_dialect and error else b"")


def error_in_answer(error: Any, body: bytes, *, same_dialect: bool) -> ProviderError:
    """Return the error that stands in a stream, or in an answer under status 200."""
    fields = error if isinstance(error, dict) else {}
    message = _message(fields, error) or "The provider answered with an error that says nothing."
    return _error(_status_of(fields), fields, message, None, body if same_dialect else b"")


def raise_if_error(body: bytes, *, same_dialect: bool) -> None:
    """Raise the error that a provider sent in place of an answer, if `body` is one."""
    document = _document(body)
    if isinstance(document, dict) and (document.get("error") or document.get("type") == "error"):
        raise error_in_answer(document.get("error"), body, same_dialect=same_dialect)


def no_answer() -> ProviderError:
    """Return the error for a body under status 200 that is no answer of the provider's dialect."""
    return ProviderError("The provider's answer is not one of its dialect.", status=502)


def masked(text: str) -> str:
    """Return a text with everything in it that could be a key hidden."""
    return _KEY.sub("***", text)


def retry_after_in(headers: Mapping[str, str]) -> str | None:
    """Return the seconds that a provider's headers ask to wait, as text; the headers' names are in lower case.

    `retry-after-ms` is exact and wins. A date counts from the answer's own `date`.
    """
    if milliseconds := _number(headers.get("retry-after-ms")):
        return str(milliseconds / 1000)
    value = headers.get("retry-after")
    if value is None or _number(value) is not None:
        return value
    try:
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(headers.get("date", ""))
        return str(max(0.0, (until - now).total_seconds()))
    except (TypeError, ValueError):
        return None


def seconds(value: str | None) -> float | None:
    """Return a `Retry-After` in seconds; None when it is no number."""
    number = _number(value)
    return None if number is None else min(number, MAX_RETRY_AFTER)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _error(status: int, error: dict[str, Any], message: str, retry_after: float | None, body: bytes) -> ProviderError:
    message = masked(message)[:MAX_MESSAGE]
    if status in (401, 403):
        # It is the operator's credential that was refused, never the caller's key.
        return ProviderError(
            CREDENTIAL_PREFIX + message, status=status, retry_after=retry_after, code=CREDENTIAL_REFUSED
        )
    param, code, kind = error.get("param"), error.get("code"), error.get("type")
    return ProviderError(
        message,
        status=status,
        retry_after=retry_after,
        param=param[:256] if isinstance(param, str) else None,
        code=code[:64] if isinstance(code, str) and code else None,
        type=kind[:64] if isinstance(kind, str) and kind else None,
        provider_body=_masked_body(body),
    )


def _masked_body(body: bytes) -> str | None:
    if not body or len(body) > 16 * MAX_MESSAGE:
        return None
    return masked(body.decode(errors="replace"))


def _document(body: bytes) -> Any:
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    # Google's servers of OpenAI's dialect wrap their errors in an array.
    return document[0] if isinstance(document, list) and document else document


def _error_object(document: Any) -> dict[str, Any]:
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def _message(error: dict[str, Any], document: Any) -> str:
    candidates = [error.get("message")]
    if isinstance(document, dict):
        candidates += [document.get(name) for name in ("error", "message", "detail")]
    elif isinstance(document, str):
        candidates.append(document)
    return next((text for text in candidates if isinstance(text, str) and text.strip()), "")


def _message_of_text(status: int, body: bytes, *, is_json: bool) -> str:
    text = body[: 4 * MAX_MESSAGE].decode(errors="replace").strip()
    if not text:
        return f"The provider answered {status} with no body."
    if is_json or text.startswith("<") or "<html" in text.lower():
        return f"The provider answered {status} with a body that says nothing of the error."
    printable = "".join(character if character.isprintable() else " " for character in text)
    return f"The provider answered {status}: {printable}"


def _status_of(error: dict[str, Any]) -> int:
    for name in ("status", "code"):
        value = error.get(name)
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    for name in ("code", "type"):
        value = error.get(name)
        if isinstance(value, str) and value in _STATUS_BY_TYPE:
            return _STATUS_BY_TYPE[value]
    return ProviderError.status
