"""The head of an answer as bytes."""

import pytest

from services.edge.domain.heads import head


def lines(data: bytes) -> list[str]:
    assert data.endswith(b"\r\n\r\n")
    return data.decode()[:-4].split("\r\n")


def test_a_head_has_a_line_for_status_and_headers() -> None:
    """The body's length is its last line."""
    made = head(200, {"server": "tollway"}, (("content-type", "application/json"),), 12)
    assert lines(made) == ["HTTP/1.1 200 OK", "content-type: application/json", "server: tollway", "content-length: 12"]


def test_the_producers_headers_win_as_often_as_it_says_them() -> None:
    """Ours of the same name is left out, however theirs is written; a length of theirs does not count."""
    made = head(599, {"server": "tollway"}, (("Server", "a"), ("server", "b"), ("Content-Length", "9")), 0)
    assert lines(made) == ["HTTP/1.1 599 ", "Server: a", "server: b", "content-length: 0"]


def test_unicode_in_a_value_is_utf_8() -> None:
    """As aiohttp writes it."""
    assert "x-name: Zoë".encode() in head(200, {"x-name": "Zoë"}, (), 0)


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "a\nb", "a\rb", "a\0b"])
def test_a_value_with_a_line_break_is_no_header(value: str) -> None:
    """Whoever sends it, it becomes no second header."""
    with pytest.raises(ValueError, match="line break"):
        head(200, {"x-ours": value}, (), 0)
    with pytest.raises(ValueError, match="line break"):
        head(200, {}, (("x-theirs", value),), 0)
