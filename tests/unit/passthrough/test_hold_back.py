"""Which bytes wait for the completion event."""

from hypothesis import given
from hypothesis import strategies as st

from services.passthrough.domain.hold_back import HoldBack

CHUNKS = st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.booleans()), max_size=12)


@given(CHUNKS, st.booleans())
def test_nothing_is_lost_and_the_end_waits(chunks: list[tuple[bytes, bool]], declared: bool) -> None:
    """All bytes come out in order, and those that complete the answer only at the very end."""
    body = b"".join(data for data, _ in chunks)
    hold = HoldBack(len(body) if declared else None)
    sent = b"".join(hold.take(data, closing=closing) for data, closing in chunks)
    assert sent + hold.rest == body
    if chunks and (declared or chunks[-1][1]):
        assert hold.rest.endswith(chunks[-1][0])
        assert len(sent) < len(body)


@given(CHUNKS)
def test_without_a_length_or_a_closing_event_nothing_waits(chunks: list[tuple[bytes, bool]]) -> None:
    """Each chunk goes on at once."""
    hold = HoldBack(None)
    assert [hold.take(data) for data, _ in chunks] == [data for data, _ in chunks]
    assert hold.rest == b""
