"""Compressed request bodies, within the same limit as plain ones."""

import zlib

from shared.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from shared.settings.server import ServerSettings
from shared.wire.encodings import WINDOW_BITS


def decoded(body: bytes, encoding: str, settings: ServerSettings) -> bytes:
    """Return the body without its content encoding; a small body that unpacks to a huge one is refused."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in WINDOW_BITS:
        raise UnsupportedMediaType("The content encoding must be gzip or deflate, or none.")
    reader = zlib.decompressobj(WINDOW_BITS[name])
    try:
        plain = reader.decompress(body, settings.max_body_bytes + 1)
    except zlib.error:
        raise InvalidRequest(f"The body is not valid {name}.") from None
    if len(plain) > settings.max_body_bytes:
        raise BodyTooLarge(f"The request body is larger than {settings.max_body_bytes} bytes.")
    if not reader.eof:
        raise InvalidRequest(f"The {name} body is not complete.")
    if reader.unused_data:
        raise InvalidRequest(f"The {name} body goes on after its end.")
    return plain
