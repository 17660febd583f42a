"""The HTTP of the benchmarks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.payloads import MARK, chat_answer, chat_body, stream_events
from benchmarks.wire import CHUNKED, BadMessage, Dechunker, body_length, find_head, http_chunk, status_of


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 7))
def test_a_chunked_body_comes_out_whole_however_it_was_cut(pieces: list[bytes], step: int) -> None:
    """Where the network cuts a body makes no difference."""
    wire = b"".join(http_chunk(piece) for piece in pieces) + b"0\r\n\r\n"
    reader = Dechunker()
    out = b"".join(reader.feed(wire[start : start + step]) for start in range(0, len(wire), step))
    assert out == b"".join(pieces)
    assert reader.done


def test_what_is_no_chunk_is_refused() -> None:
    """Bytes that are not a chunk end the stream with an error, not with silence."""
    with pytest.raises(BadMessage):
        Dechunker().feed(b"nonsense\r\n")


def test_heads_are_read() -> None:
    """Length, status and the end of the head are found, in any case of letters."""
    head = b"HTTP/1.1 503 Busy\r\nCONTENT-LENGTH: 12\r\n\r\n"
    assert (find_head(head), status_of(head), body_length(head)) == (len(head), 503, 12)
    assert body_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == CHUNKED


@given(st.integers(400, 4096), st.booleans())
def test_requests_have_the_size_that_was_asked_for(size: int, stream: bool) -> None:
    """A request is JSON of exactly so many bytes."""
    body = chat_body(size=size, stream=stream)
    assert len(body) == size
    assert bool(json.loads(body).get("stream")) == stream


def test_answers_hold_the_mark_and_streams_their_chunks() -> None:
    """The load client finds in an answer what it looks for."""
    assert MARK in chat_answer()
    events = b"".join(stream_events(7, with_usage=True))
    assert events.count(b'"content"') == 7
    assert events.endswith(b"data: [DONE]\n\n")
