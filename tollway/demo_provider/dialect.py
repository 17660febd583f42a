"""The two wire formats, each as one value with the same parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tollway.demo_provider import anthropic, anthropic_check, openai, openai_check
from tollway.demo_provider.ask import Ask, RefusedError
from tollway.demo_provider.behaviour import Behaviour
from tollway.demo_provider.plan import StreamPlan
from tollway.demo_provider.text import Answer
from tollway.demo_provider.usage import Usage

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a provider is asked and answers."""

    name: str
    request_id_header: str
    check_key: Callable[[Headers, str | None], None]
    check_headers: Callable[[Headers], None]
    ask_in: Callable[[bytes, str], Ask]
    whole: Callable[[Ask, Behaviour, Answer, Usage, str], bytes]
    stream: Callable[[Ask, Behaviour, Answer, Usage, str], StreamPlan]
    error: Callable[[int, str, str | None, str | None], bytes]
    error_event: Callable[[int, str], bytes]


def _check_bearer(headers: Headers, expected: str | None) -> None:
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise RefusedError(401, "You didn't provide an API key in an Authorization header (Authorization: Bearer KEY).")
    if expected is not None and key.strip() != expected:
        raise RefusedError(401, "Incorrect API key provided.", code="invalid_api_key")


def _check_x_api_key(headers: Headers, expected: str | None) -> None:
    # Anthropic's own SDK sends its key as a bearer token since 2.x, curl users as x-api-key.
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    key = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
    if not key:
        raise RefusedError(401, "x-api-key header is required")
    if expected is not None and key != expected:
        raise RefusedError(401, "invalid x-api-key")


def _check_json(headers: Headers) -> None:
    kind = headers.get("Content-Type", "")
    if not kind.startswith("application/json"):
        message = f"Unsupported content type: '{kind}'. This API method only accepts 'application/json' requests."
        raise RefusedError(400, message, code="unsupported_content_type")


def _check_version(headers: Headers) -> None:
    _check_json(headers)
    if "anthropic-version" not in headers:
        raise RefusedError(400, "anthropic-version: header is required")


OPENAI = Dialect(
    "openai", "x-request-id", _check_bearer, _check_json, openai_check.ask_in,
    openai.completion, openai.stream, openai.error, openai.error_event,
)  # fmt: skip

ANTHROPIC = Dialect(
    "anthropic", "request-id", _check_x_api_key, _check_version, anthropic_check.ask_in,
    anthropic.message, anthropic.stream, anthropic.error, anthropic.error_event,
)  # fmt: skip


def check_either_key(headers: Headers, expected: str | None) -> None:
    """Raise RefusedError unless the request carries a key of one of the two vendors."""
    if "x-api-key" in headers:
        _check_x_api_key(headers, expected)
    else:
        _check_bearer(headers, expected)
