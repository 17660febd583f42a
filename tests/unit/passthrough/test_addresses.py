"""Where a request may lead: into the configured base, and nowhere else."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from services.edge.domain.natives import split_target
from services.passthrough.domain.addresses import provider_url, rewritten_location
from services.passthrough.domain.targets import Target
from shared.errors import InvalidRequest

PLAIN = Target("passthrough:x", "/x", "https://api.example/base", "x")
OPENAI = Target("passthrough:openai", "/openai", "https://api.openai.com", "openai", vendor="openai")

ODD = st.sampled_from(
    ["..", ".", "%2e", "%2E%2e", "%252e", "/", "//", "\\", "%5c", "%2f", ";", "@", ":", "a", "%00", "?"]
)


@given(st.lists(ODD, max_size=12).map("".join))
def test_every_address_stays_below_the_base(rest: str) -> None:
    """Whatever a path is made of, it is refused, or every reading of it stays in the base, on the base's host."""
    try:
        path, query = split_target("/x/" + rest)
        url = provider_url(PLAIN, path, query)
    except InvalidRequest:
        return
    assert URL(url, encoded=True).host == "api.example"
    assert url.startswith("https://api.example/base/")
    reading = urlsplit(url).path
    for _ in range(6):
        assert ".." not in [part.partition(";")[0] for part in reading.replace("\\", "/").split("/")]
        reading = unquote(reading)


@given(st.text(alphabet="abcXYZ019-_~.!$&'()*+,=:@%", max_size=40), st.text(alphabet="abc=&%20+;,/?:@", max_size=40))
def test_what_is_let_through_goes_on_letter_by_letter(rest: str, query: str) -> None:
    """Path and query that are accepted stand in the address as they were sent."""
    target = f"/x/p{rest}" + (f"?{query}" if query else "")
    try:
        address = provider_url(PLAIN, *split_target(target))
    except InvalidRequest:
        return
    assert address == f"https://api.example/base/p{rest}" + (f"?{query}" if query else "")
    assert str(URL(address, encoded=True)) == address


@pytest.mark.parametrize(
    "target", ["*", "x", "http://x/y", "/a b", "/a#b", "/a\u00e9", "/a?b c", "/a\udcff", "/a%", ""]
)
def test_a_target_that_is_no_plain_path_is_refused(target: str) -> None:
    """Absolute form, asterisk form, fragments and characters outside RFC 3986 are no targets."""
    with pytest.raises(InvalidRequest):
        split_target(target)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/openai/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("/openai/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("/openai/v2/x", "https://api.openai.com/v2/x"),
        ("/openai", "https://api.openai.com/"),
    ],
)
def test_openais_version_may_be_left_out(path: str, address: str) -> None:
    """Clients made for LiteLLM's route name no version; the address has one."""
    assert provider_url(OPENAI, path, "") == address


def test_query_defaults_yield_to_the_callers_own() -> None:
    """A default is added only where the caller's query does not have the name, in whatever encoding."""
    target = Target("passthrough:x", "/x", "https://api.example", "x", default_query=(("a b", "1"), ("c", "2&3")))
    assert provider_url(target, "/x", "a%20b=7") == "https://api.example/?a%20b=7&c=2%263"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://api.example/base/files/1?q#f", "/x/files/1?q#f"),
        ("//api.example/base", "/x"),
        ("/base/files", "/x/files"),
        ("/other", "/other"),
        ("/based", "/based"),
        ("http://api.example/base/x", "http://api.example/base/x"),
        ("https://api.example.evil/base/x", "https://api.example.evil/base/x"),
        ("files/1", "files/1"),
    ],
)
def test_locations_in_the_base_lead_through_the_route(location: str, expected: str) -> None:
    """Only what points into the target is rewritten."""
    assert rewritten_location(PLAIN, location) == expected
