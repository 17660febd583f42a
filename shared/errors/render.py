"""Errors as OpenAI or Anthropic clients expect them, in bodies and in running streams."""

from typing import Literal

import msgspec

from shared.errors.tree import ErrorBody

Dialect = Literal["openai", "anthropic"]

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Anthropic's documented error types by status; every other status is its `api_error`."""


class _ProviderError(msgspec.Struct):
    error: dict[str, msgspec.Raw] = {}


_encode = msgspec.json.Encoder().encode
_provider_error = msgspec.json.Decoder(_ProviderError).decode


def error_json(error: ErrorBody, dialect: Dialect, request_id: str = "") -> bytes:
    """Return the error's JSON body in the caller's dialect."""
    if dialect == "anthropic":
        kind = error.type if error.type == "budget_exceeded" else _ANTHROPIC_TYPES.get(error.status)
        if kind is None:
            kind = "invalid_request_error" if 400 <= error.status < 500 else "api_error"
        anthropic = {**_more(error), "type": kind, "message": error.message}
        return _encode({"type": "error", "error": anthropic, "request_id": request_id})
    openai = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return _encode({"error": _more(error) | openai})


def _more(error: ErrorBody) -> dict[str, object]:
    """Return the fields of a provider's own error object, for a client of its dialect."""
    if error.provider_body is None:
        return {}
    try:
        return dict(_provider_error(error.provider_body).error)
    except msgspec.MsgspecError:
        return {}


def error_event(error: ErrorBody, dialect: Dialect, request_id: str = "") -> bytes:
    """Return the error as the last server-sent event of a stream that has begun."""
    body = error_json(error, dialect, request_id)
    if dialect == "anthropic":
        return b"event: error\ndata: " + body + b"\n\n"
    return b"data: " + body + b"\n\n"
