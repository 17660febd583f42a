"""Framing: one line of JSON, a newline, bytes as they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.envelope import BadEnvelope, Envelope, join
from shared.schemas.context import RequestContext
from shared.schemas.frames import Ending, FrameHeader, Opening

frames = Envelope(FrameHeader)
contexts = Envelope(RequestContext)
TEXT = st.text(st.characters(exclude_categories=("Cs",)))


@given(st.integers(0, 2**53), TEXT, TEXT, st.integers(0, 2**62), st.binary())
def test_a_frame_comes_out_as_it_went_in(number: int, worker: str, model: str, cost: int, data: bytes) -> None:
    """Whatever the head says and whatever bytes follow, newlines in both included."""
    header = FrameHeader(number, worker=worker, open=Opening(201, (("a", model),)), end=Ending(model=model, cost=cost))
    assert frames.split(join(header, data)) == (header, data)


@given(TEXT, TEXT, st.binary())
def test_a_body_is_never_touched(model: str, label: str, body: bytes) -> None:
    """The client's bytes stand after the context as the client sent them."""
    context = RequestContext("r", "l.r", "l", "chat_completions", "openai", 2, 1, 0, 9, model=model, label=label)
    message = join(context, body)
    assert message.endswith(b"\n" + body)
    assert contexts.split(message) == (context, body)


@given(st.binary(max_size=200))
def test_garbage_is_refused_as_such(message: bytes) -> None:
    """Bytes that are no envelope raise nothing but `BadEnvelope`."""
    try:
        frames.split(message)
    except BadEnvelope:
        return
    assert b"\n" in message


def test_a_message_from_a_newer_version_is_read() -> None:
    """Fields that are not known yet are skipped, so versions can run side by side."""
    header, data = frames.split(b'{"q":3,"later":{"x":[1]}}\nabc')
    assert (header, data) == (FrameHeader(3), b"abc")
    with pytest.raises(BadEnvelope):
        frames.split(b'{"q":"three"}\nabc')
