"""Which headers go on, in either direction."""

from hypothesis import given
from hypothesis import strategies as st

from services.edge.domain.credentials import SECRET_HEADERS
from services.edge.domain.natives import forwarded_headers
from services.passthrough.domain.headers import answer_headers, request_headers
from services.passthrough.domain.targets import Target
from shared.wire.headers import HOP_BY_HOP, decoded, end_to_end

KEY = "sk-the-callers-key"
TARGET = Target(
    *("passthrough:x", "/x", "https://api.example", "x"),
    headers=(("Authorization", "Bearer provider"),),
    defaults=(("anthropic-version", "1"),),
)
NAMES = st.sampled_from(
    [*sorted(SECRET_HEADERS), *sorted(HOP_BY_HOP), "X-One", "x-two", "Content-Type", "X-Forwarded-For", "My-Key"]
)
VALUES = st.sampled_from(["", "a", "x-one, close", f"Bearer {KEY}", KEY, f"{KEY},{KEY}"])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12).map(tuple))
def test_the_callers_key_is_in_nothing_that_goes_on(headers: tuple[tuple[str, str], ...]) -> None:
    """No header of the connection, none with a secret's name, and none with the key in its value is left."""
    kept = forwarded_headers(headers, KEY, "My-Key")
    for name, value in kept:
        assert KEY not in value
        assert name.lower() not in SECRET_HEADERS | HOP_BY_HOP | {"my-key", "x-forwarded-for"}
    assert [item for item in headers if item in kept] == list(kept)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12).map(tuple))
def test_the_targets_credential_stands_once(headers: tuple[tuple[str, str], ...]) -> None:
    """Whatever the caller sent under its name, the provider sees the target's own value alone."""
    sent = request_headers(TARGET, headers, keep_length=False)
    assert [value for name, value in sent if name.lower() == "authorization"] == ["Bearer provider"]


def test_a_default_yields_to_the_callers_own() -> None:
    """A default header is set only where the caller has none of that name."""
    assert ("anthropic-version", "1") in request_headers(TARGET, (), keep_length=False)
    own = (("Anthropic-Version", "2"),)
    assert ("anthropic-version", "1") not in request_headers(TARGET, own, keep_length=False)


def test_a_length_is_kept_for_a_body_that_still_arrives() -> None:
    """A body that is here is counted anew."""
    length = (("Content-Length", "5"),)
    assert length[0] in request_headers(TARGET, length, keep_length=True)
    assert length[0] not in request_headers(TARGET, length, keep_length=False)


def test_connection_names_what_else_is_dropped_but_not_the_length() -> None:
    """RFC 9110's list is followed, except where a peer would take a message's frame away."""
    headers = (("Connection", "X-Gone, Content-Length"), ("x-gone", "1"), ("Content-Length", "3"), ("X-Kept", "1"))
    assert end_to_end(headers) == (("Content-Length", "3"), ("X-Kept", "1"))


def test_what_a_provider_says_about_its_own_host_stays_there() -> None:
    """Cookies, HSTS, CORS and figures in Tollway's name do not pass; repeated headers do."""
    headers = (
        *(("Set-Cookie", "a"), ("Alt-Svc", "h3"), ("Access-Control-Allow-Origin", "*"), ("X-Tollway-Cost", "9")),
        *(("Vary", "a"), ("Vary", "b"), ("Location", "https://api.example/files")),
    )
    assert answer_headers(TARGET, headers) == (("Vary", "a"), ("Vary", "b"), ("Location", "/x/files"))


def test_headers_that_are_not_utf_8_are_latin_1() -> None:
    """Both of HTTP's encodings of text are read."""
    assert decoded([(b"X", "é".encode()), (b"Y", "é".encode("latin-1"))]) == (("X", "é"), ("Y", "é"))
