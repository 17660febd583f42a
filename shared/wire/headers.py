"""Which headers belong to one connection, and which to the message (RFC 9110, section 7.6.1)."""

from collections.abc import Iterable

Headers = tuple[tuple[str, str], ...]
"""Names as they were spelled, in their order, a name as often as it came."""

HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "http2-settings"),
    }
)


def decoded(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return headers from their bytes: UTF-8 where it is that, else Latin-1, as HTTP once defined it."""
    return tuple((_text(name), _text(value)) for name, value in raw)


def end_to_end(headers: Headers) -> Headers:
    """Return the headers without those of the connection, its `Connection` header's own list included."""
    dropped = HOP_BY_HOP | {
        token.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for token in value.split(",")
        # A peer must not have the length or the host of a message taken away.
        if token.strip().lower() not in ("content-length", "content-type", "content-encoding", "host")
    }
    return tuple((name, value) for name, value in headers if name.lower() not in dropped)


def value_of(headers: Headers, name: str, default: str = "") -> str:
    """Return the first value under a lower-case name."""
    return next((value for known, value in headers if known.lower() == name), default)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
