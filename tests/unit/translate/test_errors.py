from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.translate import translator
from services.router.translate.errors import MAX_MESSAGE, masked, provider_error, retry_after_in, seconds
from shared.errors import ErrorBody, ProviderError
from tests.unit.translate.streams import anthropic_stream, openai_stream, reader_for


def error(status: int, body: Any, retry_after: str | None = None, *, same_dialect: bool = False) -> ErrorBody:
    """Return a provider's error as it travels on."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return provider_error(status, data, retry_after, same_dialect=same_dialect).to_body()


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Too much.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "Too much."}},
        [{"error": {"message": "Too much.", "code": 429}}],
        {"error": "Too much."},
        {"detail": "Too much."},
        {"message": "Too much."},
        "Too much.",
    ],
)
def test_shapes(body: Any) -> None:
    """The message is found in every shape that servers of the two dialects have."""
    found = error(429, body, "7")
    assert (found.status, found.message, found.retry_after) == (429, "Too much.", 7)


def test_what_the_error_says_of_itself() -> None:
    """Type, code and parameter are the provider's; its body goes to a client of the same dialect alone."""
    body = {"error": {"message": "Bad.", "type": "invalid_request_error", "param": "stop", "code": "odd"}}
    same, other = error(400, body, same_dialect=True), error(400, body)
    assert (same.type, same.code, same.param) == ("invalid_request_error", "odd", "stop")
    assert msgspec.json.decode(same.provider_body or "") == body
    assert other.provider_body is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The provider answered 502 with no body."),
        (b"<!DOCTYPE html><html>nginx</html>", "The provider answered 502 with a body that says nothing of the error."),
        (b'{"a": 1}', "The provider answered 502 with a body that says nothing of the error."),
        (b"upstream\x00 timed out", "The provider answered 502: upstream  timed out"),
    ],
)
def test_bodies_that_are_no_error(body: bytes, message: str) -> None:
    """A body that is no JSON gives a clear sentence, and no HTML."""
    assert error(502, body).message == message


@given(st.binary(max_size=300), st.integers(400, 599))
def test_no_body_breaks_the_reader(body: bytes, status: int) -> None:
    """Whatever a provider answers is an error with its status and a message."""
    found = error(status, body, same_dialect=True)
    assert (found.status, bool(found.message)) == (status, True)


def test_messages_are_bounded() -> None:
    """A long message is cut."""
    assert len(error(400, {"error": {"message": "x" * 10_000}}).message) == MAX_MESSAGE
    assert len(error(400, b"x" * 100_000).message) == MAX_MESSAGE


@pytest.mark.parametrize("status", [401, 403])
def test_the_operators_credential(status: int) -> None:
    """A refused credential keeps its status, says whose it is, and shows nothing of the key."""
    body = {"error": {"message": "Incorrect API key provided: sk-proj-abc123def456.", "code": "invalid_api_key"}}
    found = error(status, body, same_dialect=True)
    assert (found.status, found.code, found.provider_body) == (status, "provider_credential_refused", None)
    told = "The provider refused Tollway's credential, which is not your API key: Incorrect API key provided: ***."
    assert found.message == told


@pytest.mark.parametrize(
    "key",
    [
        "sk-abc123def456",
        "sk-ant-api03-abc_DEF-123",
        "sk-pro****f456",
        "gsk_abc123def",
        "AIzaSyAbc123Def456",
        "xai-abc123",
    ],
)
def test_keys_are_masked(key: str) -> None:
    """Nothing that could be a key is shown, whatever the status, in the message and in the body."""
    body = {"error": {"message": f"The key {key} is odd.", "type": "x"}}
    found = error(400, body, same_dialect=True)
    assert (key in found.message, key in (found.provider_body or "")) == (False, False)
    assert masked(f"Bearer {key}") == "***"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "3", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "3", "retry-after-ms": "soon"}, 3),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:09 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 9),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:09 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9999999"}, 86_400),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, milliseconds and dates are read; nonsense is nothing."""
    assert seconds(retry_after_in(headers)) == expected


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ({"message": "m", "type": "overloaded_error"}, 529),
        ({"message": "m", "type": "rate_limit_error"}, 429),
        ({"message": "m", "type": "api_error"}, 500),
        ({"message": "m", "type": "server_error", "code": None}, 500),
        ({"message": "m", "code": "context_length_exceeded", "type": "invalid_request_error"}, 400),
        ({"message": "m", "code": 503}, 503),
        ({"message": "m", "code": "429"}, 429),
        ({"message": "m", "code": 200}, 502),
        ("m", 502),
        ({"type": "odd"}, 502),
    ],
)
def test_errors_in_streams(found: Any, status: int) -> None:
    """An error inside a stream has the status that its type or code stands for."""
    for client, provider, stream in (
        ("openai", "openai", openai_stream({"error": found})),
        ("anthropic", "openai", openai_stream({"error": found})),
        ("openai", "anthropic", anthropic_stream({"type": "error", "error": found})),
        ("anthropic", "anthropic", anthropic_stream({"type": "error", "error": found})),
    ):
        reader = reader_for(client, provider)
        with pytest.raises(ProviderError) as caught:
            reader.feed(stream)
        body = caught.value.to_body()
        assert (body.status, body.provider_body is not None) == (status, client == provider)


def test_each_route_reads_errors() -> None:
    """Every translation gives the provider's status and message."""
    for client in ("openai", "anthropic"):
        for provider in ("openai", "anthropic"):
            found = translator(client, provider).error(429, b'{"error": {"message": "m"}}', "2").to_body()
            assert (found.status, found.message, found.retry_after) == (429, "m", 2)
