"""How zlib reads the content encodings of HTTP."""

WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's `wbits` by encoding: 31 reads the gzip format, 15 the zlib format (RFC 9110's `deflate`)."""
