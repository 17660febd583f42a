"""What is read of a copy, whatever the answer is made of."""

import gzip
import json
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.passthrough.domain.copies import (
    WHOLE_BYTES,
    Plain,
    StreamCopy,
    Unreadable,
    WholeCopy,
    decoder,
    read_whole,
)

STREAM = (
    b'data: {"model":"gpt","choices":[{"delta":{"content":"Gr\\u00fc"}}]}\n\n'
    b'data: {"model":"gpt","choices":[{"delta":{"content":"\xc3\x9fe"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}}\n\n'
    b"data: [DONE]\n\n"
)


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut data at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(st.integers(0, 1000), max_size=20), st.sampled_from(["", "gzip", "deflate"]))
def test_a_stream_tells_the_same_however_it_is_cut_and_packed(cuts: list[int], encoding: str) -> None:
    """Usage, model and text do not depend on chunks or compression, and the closing event is seen once."""
    packed = {"": STREAM, "gzip": gzip.compress(STREAM), "deflate": zlib.compress(STREAM)}[encoding]
    reader = decoder(encoding)
    assert reader is not None
    copy = StreamCopy("openai", reader)
    closings = [copy.feed(chunk) for chunk in chunked(packed, cuts)]
    reading = copy.reading
    assert reading.usage is not None
    assert (reading.usage.input, reading.usage.output, reading.model, reading.text) == (5, 3, "gpt", "Grüße")
    assert sum(closings) == 1


@given(st.binary(max_size=300), st.sampled_from(["openai", "anthropic"]))
def test_no_bytes_make_the_reading_fail(data: bytes, vendor: str) -> None:
    """Nonsense tells nothing and raises nothing."""
    copy = StreamCopy(vendor, Plain())  # type: ignore[arg-type]
    copy.feed(data)
    assert copy.reading.usage is None or data
    read_whole(data, vendor)  # type: ignore[arg-type]


def test_a_bomb_is_given_up() -> None:
    """A small answer that unpacks to a huge one is not read."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    reader = decoder("gzip")
    assert reader is not None
    with pytest.raises(Unreadable):
        WholeCopy(reader).feed(bomb)


def test_a_copy_has_a_bound() -> None:
    """Past its limit a whole answer is not copied any further."""
    copy = WholeCopy(Plain())
    copy.feed(bytes(WHOLE_BYTES))
    with pytest.raises(Unreadable):
        copy.feed(b"x")


def test_unknown_encodings_are_not_read() -> None:
    """Brotli and Zstandard have no reader here."""
    assert decoder("br") is None
    assert decoder("zstd") is None


def test_the_text_stands_in_for_a_usage_that_is_missing() -> None:
    """A whole answer without usage tells its text, to be counted."""
    body = json.dumps({"model": "m", "choices": [{"message": {"content": "one two"}}]}).encode()
    reading = read_whole(body, "openai")
    assert (reading.usage, reading.model, reading.text) == (None, "m", "one two")


def test_anthropics_stream_names_its_model_and_its_end() -> None:
    """`message_start` has the model, `message_stop` closes."""
    copy = StreamCopy("anthropic", Plain())
    start = {"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 3, "output_tokens": 1}}}
    assert not copy.feed(f"event: message_start\ndata: {json.dumps(start)}\n\n".encode())
    assert copy.feed(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert copy.reading.model == "claude"
